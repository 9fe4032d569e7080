"""What is known of one task, folded from its events: A2A's eight states and why it is in one.

`fold` is the only place where a state is decided; whoever shows a state uses it, so that no two
surfaces can disagree. It is pure and total: any event may follow any other without an error. The
count of open records is exact when the events come in the order of their partition; where the
ledger's beginning is gone (`start_unknown`) it stays at zero or above and may be too low.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from handrail.ledger.asked import asked_in_words
from handrail.ledger.event import (
    OPEN_KINDS,
    Accepted,
    AnswerDropped,
    CancelAsked,
    DeadLettered,
    Discarded,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PersonAnswered,
    PersonAsked,
    QuestionAsked,
    Redriven,
    RedriveRefused,
    Rejected,
    RequestKind,
    Rested,
    StepWasted,
    Submitted,
    Wrote,
    WroteKind,
)
from handrail.ledger.happened import AtLane
from handrail.ledger.memory_event import (
    MemoryForgotten,
    MemoryRecalled,
    MemoryRefused,
    MemoryWritten,
)
from handrail.ledger.rail_event import ActRefused, BudgetWarned, FurtherCall
from handrail.ledger.rest import RestFacts, rests_after
from handrail.ledger.task_parts import Cancel, Loss, Request, Submission
from handrail.ledger.undo_event import UndoEvent

OPENINGS_COUNT_MAX = 8  #: submissions of one reference that are remembered, the newest
LOSSES_COUNT_MAX = 8  #: losses whose words are kept; all are counted
AGENTS_COUNT_MAX = 32  #: agents whose names are kept
LATE_PART = "late_part"  #: the one reason of a dead letter that never fails a task


class TaskState(StrEnum):
    """A2A's eight, in A2A's words."""

    SUBMITTED = "submitted"  #: only the submitter's event is there
    WORKING = "working"  #: accepted, and something is open
    INPUT_REQUIRED = "input_required"  #: a person was asked for something
    AUTH_REQUIRED = "auth_required"  #: a person was asked for an approval
    COMPLETED = "completed"  #: accepted, and nothing is open
    CANCELED = "canceled"  #: a person asked that it stop before it had ended
    FAILED = "failed"  #: a handoff died and nobody absorbed that
    REJECTED = "rejected"  #: refused before any handler saw it


ENDED_STATES = frozenset(
    {TaskState.COMPLETED, TaskState.CANCELED, TaskState.FAILED, TaskState.REJECTED}
)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Everything that is known of a task after some event; `fold` makes the next one."""

    task_id: str
    tenant: str
    state: TaskState = TaskState.SUBMITTED
    reference: str | None = None
    text: str = ""
    deadline_ms: int | None = None
    redriven_until_ms: int | None = None  #: the latest deadline of what of it was sent back
    submission: Submission | None = None  #: the newest one that was announced
    openings: tuple[str, ...] = ()  #: accepted `ce_id`s, the current one last
    settled: Mapping[str, int] = field(default_factory=dict[str, int])
    #: ^ by inbox: submissions below this offset were taken, refused or dropped as repeats
    accepted: bool = False
    open: int = 0
    open_at: Mapping[str, int] = field(default_factory=dict[str, int])  #: open records by inbox
    results: int = 0
    result_id: str | None = None  #: `ce_id` of the last message to `results`
    rejection: Loss | None = None
    lost: int = 0
    losses: tuple[Loss, ...] = ()
    cancel: Cancel | None = None
    requests: tuple[Request, ...] = ()
    rests: tuple[RestFacts, ...] = ()  #: what waits by itself, the newest
    agents: tuple[str, ...] = ()  #: in the order in which they first ended something
    invocations: int = 0
    cost_micros: int = 0
    cost_unknown: bool = False  #: a model was called whose price is not known
    submitted_ms: int | None = None
    accepted_ms: int | None = None
    ended_ms: int | None = None
    updated_ms: int = 0
    start_unknown: bool = False  #: its first events are no longer in the ledger
    priority: str | None = None  #: None is normal

    @property
    def ended(self) -> bool:
        """Whether its state is one of the four that end a task."""
        return self.state in ENDED_STATES

    @property
    def started_over(self) -> int:
        """How often the same reference was accepted again after its first time."""
        return max(0, len(self.openings) - 1)


def state_of(facts: TaskFacts) -> TaskState:
    """Decide the state; the first that matches is the one."""
    if facts.cancel is not None:
        return TaskState.CANCELED
    if facts.rejection is not None:
        return TaskState.REJECTED
    if facts.lost > 0:
        return TaskState.FAILED
    if any(request.kind is RequestKind.APPROVAL for request in facts.requests):
        return TaskState.AUTH_REQUIRED
    if facts.requests:
        return TaskState.INPUT_REQUIRED
    if not facts.accepted:
        return TaskState.SUBMITTED
    return TaskState.WORKING if facts.open > 0 else TaskState.COMPLETED


def fold(facts: TaskFacts | None, event: Event) -> TaskFacts:
    """Give what is known after one more event of the same task."""
    if facts is None:
        facts = _unheard_of(event)
    after = _apply(facts, event)
    state = state_of(after)
    ended_ms = after.ended_ms
    if state not in ENDED_STATES:
        ended_ms = None
    elif ended_ms is None:
        ended_ms = event.time_ms
    return replace(
        after,
        state=state,
        settled=_settled(facts, event),
        ended_ms=ended_ms,
        rests=rests_after(facts.rests, event),
        updated_ms=max(facts.updated_ms, event.time_ms),
    )


def _settled(facts: TaskFacts, event: Event) -> Mapping[str, int]:
    """Note up to where the intake has decided what becomes of this task's submissions.

    A submitter knows the offset of its own record, and so sees whether the state that it reads
    was decided with its submission in view, however many repeats there are.
    """
    if not (
        isinstance(event, Accepted | Rejected) or (isinstance(event, Dropped) and event.intake)
    ):
        return facts.settled
    settled_to = max(facts.settled.get(event.topic, 0), event.offset + 1)
    return {**facts.settled, event.topic: settled_to}


def _unheard_of(event: Event) -> TaskFacts:
    cut = not isinstance(event, Submitted | Accepted | Rejected)
    # An act of a lane shows that its task had been accepted, even where that is cut off.
    return TaskFacts(
        task_id=event.task_id,
        tenant=event.tenant,
        start_unknown=cut,
        accepted=cut and isinstance(event, AtLane),
    )


def _apply(facts: TaskFacts, event: Event) -> TaskFacts:  # one branch per event
    match event:
        case Submitted():
            return _submitted(facts, event)
        case Accepted():
            return _accepted(facts, event)
        case Rejected():
            return _rejected(facts, event)
        case Finished():
            return _finished(facts, event)
        case PartGathered():
            return _moved(facts, event, closes=1, opens=1 if event.first else 0)
        case MarkerPassed():
            return _moved(facts, event, closes=1, wrote=event.wrote)
        case DeadLettered():
            after = _moved(facts, event, closes=1, wrote=event.wrote)
            if event.absorbed or event.reason == LATE_PART:
                return after
            return _with_loss(after, event.invocation, event)
        case Dropped():
            closes = 1 if not event.intake or _holds_open(facts, event) else 0
            return _moved(facts, event, closes=closes, wrote=event.wrote)
        case QuestionAsked():
            return _moved(facts, event, closes=0, wrote=event.wrote)
        case AnswerDropped():
            return facts
        case StepWasted():
            return (
                replace(facts, cost_unknown=True)
                if event.cost_micros is None
                else replace(facts, cost_micros=facts.cost_micros + event.cost_micros)
            )
        case Rested() | Discarded() | RedriveRefused():
            return facts
        case BudgetWarned() | FurtherCall() | ActRefused():
            return facts
        case MemoryWritten() | MemoryRefused() | MemoryForgotten() | MemoryRecalled():
            return facts
        case UndoEvent():
            return facts
        case Redriven():
            until_ms = max(facts.redriven_until_ms or 0, event.deadline_ms or 0) or None
            return _redriven(replace(facts, redriven_until_ms=until_ms), event)
        case CancelAsked():
            # A submission that nobody has accepted yet has not ended either.
            if facts.cancel is not None or not (facts.open > 0 or _only_submitted(facts)):
                return facts
            return replace(facts, cancel=Cancel(event.by, event.why), ended_ms=None)
        case PersonAsked():
            others = tuple(r for r in facts.requests if r.id != event.request)
            asked = Request(event.request, event.kind, asked_in_words(event), event.agent)
            return replace(facts, requests=(*others, asked))
        case PersonAnswered():
            left = tuple(r for r in facts.requests if r.id != event.request)
            return replace(facts, requests=left)
        case _:
            assert_never(event)


def _only_submitted(facts: TaskFacts) -> bool:
    return facts.submission is not None and not facts.accepted and facts.rejection is None


def _holds_open(facts: TaskFacts, event: Dropped) -> bool:
    return event.ce_id in facts.openings and event.reason is DropReason.CANCELED


def _submitted(facts: TaskFacts, event: Submitted) -> TaskFacts:
    said = Submission(event.ce_id, event.time_ms, event.deadline_ms, event.text)
    reference = facts.reference if facts.reference is not None else event.reference
    facts = replace(facts, submission=said, reference=reference)
    current = facts.openings[-1:]
    if facts.rejection is not None:
        current = (facts.rejection.invocation,)
    if current and event.ce_id not in current:
        # A further submission changes nothing before a lane has taken or refused it: most are
        # repeats, which the intake drops.
        return facts
    return replace(
        facts,
        submitted_ms=event.time_ms,
        text=facts.text or event.text,
        priority=event.priority,
        deadline_ms=facts.deadline_ms if facts.deadline_ms is not None else event.deadline_ms,
    )


def _accepted(facts: TaskFacts, event: Accepted) -> TaskFacts:
    if event.ce_id in facts.openings:
        return facts
    if facts.accepted or facts.rejection is not None:
        facts = _start_over(facts, event.ce_id)
    said = facts.submission if _announced(facts, event.ce_id) else None
    opened = replace(
        facts,
        accepted=True,
        accepted_ms=event.time_ms,
        openings=(*facts.openings, event.ce_id)[-OPENINGS_COUNT_MAX:],
        reference=event.reference if event.reference is not None else facts.reference,
        text=event.text or facts.text or (said.text if said else ""),
        deadline_ms=event.deadline_ms if event.deadline_ms is not None else facts.deadline_ms,
        priority=event.priority,
    )
    return _counted(opened, event.topic, closes=0, opens=1)


def _announced(facts: TaskFacts, ce_id: str) -> bool:
    return facts.submission is not None and facts.submission.ce_id == ce_id


def _start_over(facts: TaskFacts, ce_id: str) -> TaskFacts:
    """Forget state and result; what is still open of the time before stays counted."""
    said = facts.submission if _announced(facts, ce_id) else None
    return TaskFacts(
        task_id=facts.task_id,
        tenant=facts.tenant,
        reference=facts.reference,
        submission=facts.submission,
        submitted_ms=said.time_ms if said else None,
        deadline_ms=said.deadline_ms if said else None,
        openings=facts.openings,
        open=facts.open,
        open_at=facts.open_at,
        requests=facts.requests,
        updated_ms=facts.updated_ms,
        start_unknown=facts.start_unknown and facts.open > 0,
    )


def _rejected(facts: TaskFacts, event: Rejected) -> TaskFacts:
    if event.ce_id in facts.openings:
        closed = _moved(facts, event, closes=1)
        if not event.unread or event.ce_id != facts.openings[-1]:
            # It had been accepted, so a handler may have begun: a failure, not a refusal.
            return _with_loss(closed, event.ce_id, event)
        facts = closed
    elif facts.accepted:
        if not facts.ended or facts.open > 0:
            return facts
        facts = replace(_start_over(facts, event.ce_id), accepted=False)
    refused = Loss(event.ce_id, event.agent, event.reason, event.sentence)
    return replace(
        facts,
        rejection=refused,
        reference=event.reference if event.reference is not None else facts.reference,
        text=event.text or facts.text,
    )


def _finished(facts: TaskFacts, event: Finished) -> TaskFacts:
    after = _moved(facts, event, closes=1, wrote=event.wrote)
    results = [wrote.id for wrote in event.wrote if wrote.kind is WroteKind.RESULT]
    unpriced = event.model_calls > 0 and event.cost_micros is None
    return replace(
        after,
        invocations=after.invocations + 1,
        results=after.results + len(results),
        result_id=results[-1] if results else after.result_id,
        cost_micros=after.cost_micros + (event.cost_micros or 0),
        cost_unknown=after.cost_unknown or unpriced,
    )


def _redriven(facts: TaskFacts, event: Redriven) -> TaskFacts:
    refused = facts.rejection
    reopened = refused is not None and refused.invocation == event.invocation
    if event.resubmitted:
        # It lies on its inbox as a submission that nobody has taken yet.
        return replace(facts, rejection=None) if reopened and not facts.accepted else facts
    after = _counted(facts, event.topic, closes=0, opens=1)
    if reopened:
        times = [*facts.openings, event.invocation][-OPENINGS_COUNT_MAX:]
        openings = facts.openings if event.invocation in facts.openings else tuple(times)
        return replace(
            after, rejection=None, accepted=True, accepted_ms=event.time_ms, openings=openings
        )
    if event.absorbed:
        return after
    kept = tuple(loss for loss in after.losses if loss.invocation != event.invocation)
    return replace(after, lost=max(0, after.lost - 1), losses=kept)


def _with_loss(facts: TaskFacts, of: str, event: DeadLettered | Rejected) -> TaskFacts:
    loss = Loss(of, event.agent, event.reason, event.sentence)
    return replace(facts, lost=facts.lost + 1, losses=(*facts.losses, loss)[-LOSSES_COUNT_MAX:])


def _moved(
    facts: TaskFacts, event: AtLane, *, closes: int, opens: int = 0, wrote: tuple[Wrote, ...] = ()
) -> TaskFacts:
    """Count what an act of a lane closed and opened, and note which agent it was."""
    after = _counted(facts, event.topic, closes=closes, opens=opens, wrote=wrote)
    if event.agent in after.agents or len(after.agents) >= AGENTS_COUNT_MAX:
        return after
    return replace(after, agents=(*after.agents, event.agent))


def _counted(
    facts: TaskFacts, topic: str, *, closes: int, opens: int, wrote: tuple[Wrote, ...] = ()
) -> TaskFacts:
    at = dict(facts.open_at)
    at[topic] = at.get(topic, 0) + opens - closes
    count = facts.open + opens - closes
    for record in wrote:
        if record.kind in OPEN_KINDS:
            at[record.topic] = at.get(record.topic, 0) + 1
            count += 1
    kept: dict[str, Any] = {name: n for name, n in at.items() if n > 0}
    return replace(facts, open=max(0, count), open_at=kept)
