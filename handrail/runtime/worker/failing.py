"""What becomes of an invocation whose handler has failed: another try, now or later, or its end.

Guarantees: what is tried again keeps its place before all others of its key, and every outcome
that it has recorded; only errors of steps that another time can help are forgotten. What would
fail in the same way again, because its error is recorded and stays, is not tried again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from pydantic import ValidationError

from handrail.contract.failure import Refused, State
from handrail.errors import FailureClass, NoAnswerInTime, WireError
from handrail.errors.lane import DeadlinePassed
from handrail.errors.steps import Diverged
from handrail.lane.failure_class import Failure, classify
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import encode_entry
from handrail.lane.retry import (
    GiveUp,
    GiveUpReason,
    Moment,
    Retry,
    RetryQuick,
    RetrySlow,
    decide_retry,
)
from handrail.ledger.event import RestWhy
from handrail.runtime.worker.burial import Buried
from handrail.runtime.worker.ending import Suspended
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.provider import Provider
from handrail.runtime.worker.stepping import Stepper
from handrail.wire.codec import encode_time
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.record import Record

#: Whose word a refusal is, where that says more than how often it was tried.
_REFUSALS: Mapping[State, Reason] = {
    State.INVALID_INPUT: Reason.VALIDATION,
    State.OUTPUT_INVALID: Reason.VALIDATION,
    State.DENIED_BY_POLICY: Reason.DENIED,
    State.TAINTED_INPUT: Reason.DENIED,
    State.NEEDS_APPROVAL: Reason.DENIED,
    State.APPROVAL_REJECTED: Reason.DENIED,
    State.APPROVAL_EXPIRED: Reason.DENIED,
    State.BUDGET_EXHAUSTED: Reason.DENIED,
    State.OUTCOME_UNKNOWN: Reason.IN_DOUBT,
}
_NO_DEADLINE_MS = 1 << 62  #: admission gives every task a deadline; far beyond any clock


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run of a handler that has failed."""

    record: Record  #: what its dead letter would hold
    envelope: Envelope
    steps: Stepper
    failure: BaseException


def after_failure(ground: LaneGround, invocation: Invocation, run: FailedRun) -> Buried | Suspended:
    """Say what becomes of it, and count the try."""
    now_ms = ground.worker.clock.now_ms()
    reason = _final_reason(run)
    failure = Failure(FailureClass.FATAL) if reason else _judged(ground, invocation, run)
    invocation.tries = tries = invocation.tries.after(failure.failure_class, now_ms)
    if reason is not None:
        return Buried(run.record, run.envelope, reason, run.failure, step=_step(run))
    moment = Moment(
        now_ms=now_ms,
        deadline_ms=run.envelope.deadline_ms or _NO_DEADLINE_MS,
        jitter=ground.worker.jitter(tries),
    )
    decision = decide_retry(failure, tries, moment)
    match decision:
        case GiveUp(why):
            return _given_up(run, why)
        case RetryQuick(at_ms) | RetrySlow(at_ms):
            return _again(ground, invocation, run, decision, at_ms)
        case _:
            assert_never(decision)


def _final_reason(run: FailedRun) -> Reason | None:
    """The reason of an end that no try can change, whatever its error says."""
    if isinstance(run.failure, Diverged):
        return Reason.DIVERGENCE
    if isinstance(run.steps.stopped, DeadlinePassed):
        return Reason.DEADLINE
    return None


def _judged(ground: LaneGround, invocation: Invocation, run: FailedRun) -> Failure:
    """Say what trying again can do: by the step that the failure comes from, else by itself."""
    own, errors = classify(run.failure), run.steps.errors
    source = errors.source(run.failure)
    if source is None:
        answers = isinstance(run.failure, Refused) and run.failure.state is State.OUTPUT_INVALID
        # The model's turns are recorded: asked again, they would be the same.
        return Failure(FailureClass.FATAL) if answers else own
    path, step, is_itself = source
    found = step.failure
    if _is_turn(path):
        # Behind an open breaker it is no fault of this handoff.
        found = ground.worker.gates.beside(Provider.of(ground.worker.model), found)
    says_more = not own.quick_only and own.failure_class is not FailureClass.FATAL
    if not is_itself and says_more:
        return own
    if errors.may_repeat(path, ground.lane.steps.of(invocation.id)):
        return found
    # Its error is recorded and stays: every further try would meet it again.
    return Failure(FailureClass.FATAL)


def _is_turn(path: str) -> bool:
    return path.partition(".")[2].startswith("m")


def _given_up(run: FailedRun, why: GiveUpReason) -> Buried:
    reason = _named_reason(run) if why is GiveUpReason.FATAL else why.dead_letter_reason
    failure = run.failure
    if why in (GiveUpReason.DEADLINE, GiveUpReason.RETRY_AFTER):
        deadline = encode_time(run.envelope.deadline_ms or 0)
        failure = DeadlinePassed(where="before another try could help", deadline=deadline)
        failure.__cause__ = run.failure
    return Buried(run.record, run.envelope, reason, failure, step=_step(run))


def _named_reason(run: FailedRun) -> Reason:
    """Give the finest word for a failure that no further try could change."""
    match run.failure:
        case Refused(state=state):
            return _REFUSALS.get(state, Reason.ATTEMPTS)
        case NoAnswerInTime():
            return Reason.UNANSWERED
        case ValidationError():
            return Reason.VALIDATION
        case WireError(reason=reason):
            return Reason(reason)
        case failure:
            source = run.steps.errors.source(failure)
            doubtful = source is not None and run.steps.errors.leaves_doubt(source[0])
            return Reason.IN_DOUBT if doubtful else Reason.ATTEMPTS


def _step(run: FailedRun) -> str | None:
    """Give the path of the step that a run has failed in; None when it was in none."""
    if isinstance(run.failure, Diverged):
        return str(run.failure.facts["path"])
    source = run.steps.errors.source(run.failure)
    return None if source is None else source[0]


def _again(
    ground: LaneGround, invocation: Invocation, run: FailedRun, decision: Retry, at_ms: int
) -> Suspended:
    now_ms = ground.worker.clock.now_ms()
    written, removed = run.steps.errors.forget(
        ground.lane.steps.of(invocation.id), now_ms, run.failure
    )
    # With what is forgotten goes how far it had seen: the next try must not read what was before.
    invocation.memory_read = run.envelope.memory_read
    event = ground.saying.rested(invocation, run.envelope, RestWhy.RETRY, at_ms, run.failure)
    return Suspended(
        run.envelope,
        Why.RETRY,
        at_ms,
        briefly=isinstance(decision, RetryQuick),
        events=(event,),
        removed=removed,
        records=[encode_entry(entry, ground.place.journal) for entry in written],
    )
