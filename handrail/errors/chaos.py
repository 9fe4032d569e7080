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
