"""What can go wrong while the ledger is folded into task states and into the projection."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class LedgerCut(HandrailError):
    """Events of {where} were deleted before {reader} had read them.

    Why: it had read up to offset {read}, and the first event that is still there is {first}.
    Task states that go on from here could be wrong, so nothing is written.
    Do: handrail runbook HR-LEDG-001    how to go on deliberately, and how to keep it from recurring
    """

    code: ClassVar[str] = "HR-LEDG-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class LedgerShrunk(HandrailError):
    """The topic {where} is shorter than what {reader} has read of it.

    Why: it had read up to offset {read}, but the topic ends at {end}: it was deleted and made
    anew, or an older copy of the broker's data was put in its place.
    Do: handrail runbook HR-LEDG-002    how to start the task states anew
    """

    code: ClassVar[str] = "HR-LEDG-002"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StateBroken(HandrailError):
    """A record of {where} at offset {offset} cannot be read: {detail}

    Why: something other than the single writer of this topic has written to it.
    Do: handrail tail {topic}    look at the record
    handrail runbook HR-LEDG-003    how to go on without it
    """

    code: ClassVar[str] = "HR-LEDG-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class FilterWrong(HandrailError):
    """The filter {given} is not understood.

    Why: {reason}
    Do: handrail list --where state=failed    one condition
    handrail list --where state=working,agent=writer    several, all must hold
    """

    code: ClassVar[str] = "HR-LEDG-004"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
