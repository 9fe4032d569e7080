"""What can go wrong while a recorded run is read, so that no judgement rests on half of it."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class HistoryBroken(HandrailError):
    """The recorded run in {folder} cannot be judged: {file}, line {line}, cannot be read.

    Why: {detail}
    Do: handrail runbook HR-CHAOS-001    what may be mended, and what a run needs anew
    """

    code: ClassVar[str] = "HR-CHAOS-001"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class NoSampleTask(HandrailError):
    """There is no task that could be given to the team again and again.

    Why: the intake {intake} does not take what would be sent: {reason}
    Do: handrail chaos --task FILE.json    gives it your own, one message or a list of them
    handrail topics inspect {intake}    shows the fields it wants
    """

    code: ClassVar[str] = "HR-CHAOS-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
