"""How a task can end or rest otherwise than with the result that its submitter waits for."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class TaskFailed(HandrailError):
    """Task {task} failed.

    Why: {reason}
    Do: handrail show {task}    what happened to it, step by step
    handrail dead list    the handoffs that will not be tried again
    """

    code: ClassVar[str] = "HR-TASK-001"
    exit_code: ClassVar[int] = 1
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TaskRejected(TaskFailed):
    """Task {task} was refused before any agent worked on it.

    Why: {reason}
    Do: handrail show {task}    what was submitted
    handrail topics list    what each topic carries
    """

    code: ClassVar[str] = "HR-TASK-002"


class TaskCanceled(TaskFailed):
    """Task {task} was canceled.

    Why: {reason}
    Do: handrail show {task}    how far it had come
    """

    code: ClassVar[str] = "HR-TASK-003"


class WaitingForPerson(HandrailError):
    """Task {task} waits for a person.

    Why: {reason}
    Do: handrail people    what is asked, and the command that answers it
    handrail watch {task}    follows it until it goes on
    """

    code: ClassVar[str] = "HR-TASK-004"
    exit_code: ClassVar[int] = 7
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class StillRunning(HandrailError):
    """Task {task} had not ended after {waited_s} s; it goes on.

    Why: {reason}
    Do: handrail watch {task}    follows it
    handrail result {task}    gives its result once it has ended
    """

    code: ClassVar[str] = "HR-TASK-005"
    exit_code: ClassVar[int] = 6
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class TaskWithoutResult(HandrailError):
    """Task {task} has completed, and no agent wrote a result.

    Why: a result is what an agent sends to the topic `results`.
    Do: handrail show {task}    what each agent wrote, and where
    """

    code: ClassVar[str] = "HR-TASK-006"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ResultMisfit(HandrailError):
    """The result of task {task} is a {found}, and {wanted} was asked for.

    Why: {reason}
    Do: handrail result {task}    shows it as it is
    """

    code: ClassVar[str] = "HR-TASK-007"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SubmissionInvalid(HandrailError):
    """This cannot be submitted: {detail}.

    Do: {cure}
    """

    code: ClassVar[str] = "HR-TASK-008"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class UndoRefused(HandrailError):
    """Task {task} is not undone.

    Why: {reason}
    Do: {cure}
    """

    code: ClassVar[str] = "HR-TASK-012"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ResultGone(HandrailError):
    """Task {task} has completed, and its result is no longer on {topic}.

    Why: under each reference only the newest result is kept for good, and a later one is there.
    Do: handrail result {task}    gives the newest
    """

    code: ClassVar[str] = "HR-TASK-009"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TaskEnded(HandrailError):
    """Task {task} has ended already and cannot be canceled: it is {state}.

    Why: {reason}
    Do: handrail show {task}    what happened to it, step by step
    handrail result {task}    what came out, if anything did
    """

    code: ClassVar[str] = "HR-TASK-010"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class LetterStays(HandrailError):
    """Dead letter {letter} stays as it is.

    Why: {reason}
    Do: handrail dead show {letter}    why it died, and what it carried
    """

    code: ClassVar[str] = "HR-TASK-011"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
