"""Says in words why a task is in its state and what it waits for. Pure; no word is a guess."""

from typing import assert_never

from handrail.ledger.event import RequestKind
from handrail.ledger.rest import rest_in_words
from handrail.ledger.task_state import TaskFacts, TaskState

WAITS_COUNT_MAX = 8  #: places and requests that are named; the rest is counted

_ASKED = {
    RequestKind.APPROVAL: "an approval",
    RequestKind.DOUBT: "a decision on something in doubt",
    RequestKind.QUESTION: "an answer",
    RequestKind.BUDGET: "a larger budget",
}


def waiting_for(facts: TaskFacts) -> tuple[str, ...]:
    """Name what must happen before the task can end, people first; empty once it has ended."""
    if facts.ended:
        return ()
    waits = [f"{_ASKED[request.kind]}: {request.text}" for request in facts.requests]
    waits += [rest_in_words(rest) for rest in facts.rests]
    waits += [f"{count} at {topic}" for topic, count in sorted(facts.open_at.items())]
    if not facts.accepted and not waits:
        waits = ["a process that reads its intake"]
    if len(waits) > WAITS_COUNT_MAX:
        more = len(waits) - WAITS_COUNT_MAX
        waits = [*waits[:WAITS_COUNT_MAX], f"and {more} more"]
    return tuple(waits)


def why(facts: TaskFacts) -> str:  # one sentence per state
    """Give one sentence that says why the task is in its state."""
    match facts.state:
        case TaskState.SUBMITTED:
            return "Submitted; no process has taken it yet."
        case TaskState.WORKING:
            return f"Working: {', '.join(waiting_for(facts))}."
        case TaskState.INPUT_REQUIRED | TaskState.AUTH_REQUIRED:
            return f"Waiting for a person: {waiting_for(facts)[0]}"
        case TaskState.COMPLETED:
            return "Completed." if facts.results else "Completed, no result."
        case TaskState.CANCELED:
            assert facts.cancel is not None
            because = f": {facts.cancel.why}" if facts.cancel.why else "."
            return f"Canceled by {facts.cancel.by}{because}"
        case TaskState.FAILED:
            return _failure(facts)
        case TaskState.REJECTED:
            assert facts.rejection is not None
            return f"Refused at the intake ({facts.rejection.reason}): {facts.rejection.sentence}"
        case _:
            assert_never(facts.state)


def _failure(facts: TaskFacts) -> str:
    if not facts.losses:
        return "A handoff died; its words are no longer known."
    last = facts.losses[-1]
    others = f" ({facts.lost - 1} more died before it.)" if facts.lost > 1 else ""
    return f"{last.agent} gave up ({last.reason}): {last.sentence}{others}"
