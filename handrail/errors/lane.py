"""What can keep a lane from opening or from going on."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class OffsetMetadataBroken(HandrailError):
    """The offset of {group} on {where} was not committed by Handrail: {metadata}

    Why: a tool or a hand has committed or reset offsets of this group. Going on could run
    finished work again, so the lane stays closed and nothing is run.
    Do: handrail agents show {agent}    which partitions are closed and why
    handrail runbook HR-LANE-005    how to set the offset deliberately
    """

    code: ClassVar[str] = "HR-LANE-005"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class OffsetsLost(HandrailError):
    """Partition {where} has a journal but no committed offset, or one that is gone: {detail}

    Why: offsets expired or were deleted, or records were deleted that nobody had finished.
    Going on could lose or repeat work, so the lane stays closed and nothing is run.
    Do: handrail agents show {agent}    which partitions are closed and why
    handrail runbook HR-LANE-006    how to decide where to go on
    """

    code: ClassVar[str] = "HR-LANE-006"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class PartitionCountsDiffer(HandrailError):
    """Topic {topic} has {found} partitions, but {inbox} has {expected}.

    Why: an inbox, its answers, its journal and its dead letters must have the same partition
    count for life, because a lane owns the same number of each.
    Do: handrail topics plan    what differs; a count cannot be changed, make a new namespace
    """

    code: ClassVar[str] = "HR-LANE-007"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class JournalBroken(HandrailError):
    """A record of the journal {where} at offset {offset} cannot be read: {detail}

    Why: something other than this agent's lanes has written to its journal.
    Do: handrail tail {topic}    look at the record
    handrail runbook HR-LANE-008    how to go on without it
    """

    code: ClassVar[str] = "HR-LANE-008"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class FanOutRefused(HandrailError):
    """Agent {agent} returned a list of {count} messages that cannot become a fan-out.

    Why: {detail}
    Do: handrail agents show {agent}    what it writes and where its parts meet again
    """

    code: ClassVar[str] = "HR-LANE-009"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class GatherMissed(HandrailError):
    """A record on {inbox} was not gathered: {detail}

    Why: each part of a fan-out counts once, and only while its gather is open.
    Do: handrail show {task}    what became of the task
    """

    code: ClassVar[str] = "HR-LANE-010"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class DeadlinePassed(HandrailError):
    """The task's deadline had passed {where}.

    Why: every task has a deadline, so that nothing waits for ever; this one was {deadline}.
    Do: handrail submit --deadline ...    ask again with more time
    """

    code: ClassVar[str] = "HR-LANE-011"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class KeyOverflow(HandrailError):
    """{count} handoffs wait behind the key {key} already; this one was not taken in.

    Why: handoffs of one key run one at a time, and they arrive faster than they are carried out.
    Do: handrail agents show {agent}    give the topic a key that spreads the work
    """

    code: ClassVar[str] = "HR-LANE-012"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class HandlerCancelled(HandrailError):
    """Agent {agent} awaited something that was cancelled, and so did not come to an end.

    Why: its handler was not stopped by Handrail: a task, a client or a library that it awaited
    was cancelled in its own code.
    Do: handrail dead list    the handoff and the trace that shows where
    """

    code: ClassVar[str] = "HR-LANE-013"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class KillsItsProcess(HandrailError):
    """This handoff ran {count} times alone in a process of {agent}, and each time the process died.

    Why: a handoff that kills whoever runs it is set aside, so that the work of others goes on.
    While it was tried, nothing else ran in its process.
    Do: handrail logs {agent}    what its process said before it died
    handrail dead list    the handoff with this reason
    """

    code: ClassVar[str] = "HR-LANE-014"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class VersionNeeded(HandrailError):
    """Version {needed} of agent {agent} has begun this handoff, and version {ours} cannot go on.

    Why: the first part of a version changes when the steps of a handler changed so much that what
    is recorded cannot be carried on; nothing is replayed by code that says so of itself.
    Do: handrail agents list    which versions run; stop those that are not {needed}
    handrail run {agent}    with version {needed} of its code, until what it began has ended
    """

    code: ClassVar[str] = "HR-LANE-015"
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class Halted(HandrailError):
    """{target} was {halt} by {by} at {at}: {reason}.

    Why: what is halted begins nothing until somebody lifts it; what it has done so far is kept.
    Do: handrail agents resume {flag}    let it go on
    """

    code: ClassVar[str] = "HR-LANE-016"
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class HaltTargetWrong(HandrailError):
    """{detail}, so it is not known what is to be halted or to go on.

    Why: a switch is about one agent or about one tenant.
    Do: handrail agents pause AGENT    or `--tenant NAME` in its place
    """

    code: ClassVar[str] = "HR-LANE-017"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
    exit_code: ClassVar[int] = 2
