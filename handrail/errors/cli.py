"""What can go wrong at the command line itself, before or beside any work on a broker."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class UsageWrong(HandrailError):
    """{complaint}

    Do: {help_command}    shows what may be written there
    """

    code: ClassVar[str] = "HR-CLI-001"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class InternalFailure(HandrailError):
    """Handrail itself failed: this is a defect in it, not in your team.

    Why: {kind}: {detail}
    Do: less {report}    everything that is known about it
    handrail doctor    numbered checks with one fix each
    """

    code: ClassVar[str] = "HR-CLI-002"
    exit_code: ClassVar[int] = 1
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ConfirmationNeeded(HandrailError):
    """Nothing was done: {action}, and nobody is here to say yes.

    Why: there is no terminal to ask on.
    Do: {command} --yes    says yes beforehand
    """

    code: ClassVar[str] = "HR-CLI-003"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class FolderTaken(HandrailError):
    """{folder} already holds files, and init overwrites nothing.

    Why: {found} is there.
    Do: handrail init ANOTHER_NAME    starts in a fresh folder
    """

    code: ClassVar[str] = "HR-CLI-004"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class MessageMisfit(HandrailError):
    """The message does not fit topic {topic}, which carries {carries}.

    Why: {reason}
    Do: handrail topics inspect {topic}    shows the fields it wants
    """

    code: ClassVar[str] = "HR-CLI-005"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class NothingGiven(HandrailError):
    """There is nothing to {verb}.

    Why: {reason}
    Do: {cure}
    """

    code: ClassVar[str] = "HR-CLI-006"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class IntakeUnclear(HandrailError):
    """It is not clear on which topic tasks arrive: {names} could be meant.

    Why: tasks arrive on the topic that an agent reads and that none writes to or asks on, and this
    team has not just one of them.
    Do: $EDITOR handrail.toml    say which one, above every table: intake = "{first}"
    handrail send {first} "TEXT"    or name the topic itself each time
    """

    code: ClassVar[str] = "HR-CLI-014"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class RunbookUnknown(HandrailError):
    """There is no runbook for {wanted}.

    Why: no error carries that code.
    Do: handrail runbook    lists every code with its sentence
    """

    code: ClassVar[str] = "HR-CLI-007"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TaskUnknown(HandrailError):
    """No task is known by the id or reference {wanted}.

    Why: {reason}
    Do: handrail list    shows the tasks that are known
    """

    code: ClassVar[str] = "HR-CLI-008"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TopicUnknown(HandrailError):
    """There is no topic called {wanted}.

    Why: the topics are {known}.
    Do: handrail topics list    every topic with what it is for
    """

    code: ClassVar[str] = "HR-CLI-009"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class LogUnknown(HandrailError):
    """There is no log of a process called {wanted}.

    Why: {reason}
    Do: handrail status    which processes there are
    """

    code: ClassVar[str] = "HR-CLI-010"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SettingUnknown(HandrailError):
    """There is no setting called {wanted}.

    Why: the settings are {known}.
    Do: handrail config show    every setting with its value
    """

    code: ClassVar[str] = "HR-CLI-011"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class DeadLetterUnknown(HandrailError):
    """There is no dead letter {wanted}.

    Why: {reason}
    Do: handrail dead list    every dead letter with its id
    """

    code: ClassVar[str] = "HR-CLI-012"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class DoubtUnknown(HandrailError):
    """No step of task {wanted} could be chosen that is in doubt.

    Why: {reason}
    Do: handrail doubt list    every step in doubt with its task
    """

    code: ClassVar[str] = "HR-CLI-013"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
