"""Taking in what came of a step that its process carried on after it had let go of the lane. Pure.

A late outcome counts if the journal shows that very attempt as open, in doubt included. It becomes
the outcome of the step as if it had been recorded in time. Any other says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from handrail.lane.begun import may_have_acted_before
from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import Doubt, StepBook, StepRecord, StepState, doubt
from handrail.wire.late_outcome import LateOutcome, LateState


@dataclass(frozen=True, slots=True)
class Settled:
    """What a late outcome leaves in the journal, and the doubt that it has ended."""

    entries: Sequence[Entry]
    removed: Sequence[bytes]
    ended: Doubt | None


def settle(book: StepBook, late: LateOutcome, epoch: int, now_ms: int) -> Settled | None:
    """Take it in; None when nobody waits for it."""
    record = book.known(late.invocation, late.path)
    if record is None or not _is_open(record, late):
        return None
    intent, in_doubt = record.intent, record.in_doubt
    assert intent is not None
    removed = [*book.releases.drop(late.invocation, late.path)]
    ended = None
    entries: list[Entry] = []
    match late.state:
        case LateState.ENDED:
            known = {name: intent.facts[name] for name in ("name", "digest", "shown", "attempt")}
            facts = {**late.facts, **known}
            entries.append(
                replace(
                    intent,
                    kind=Kind.OUTCOME,
                    facts=facts,
                    epoch=epoch,
                    written_ms=now_ms,
                    body=late.body,
                )
            )
        case LateState.NOT_BEGUN if may_have_acted_before(record):
            # That is known of this attempt alone; the step stays begun since its first one.
            return Settled((), removed, None)
        case LateState.NOT_BEGUN:
            # The intent stays, so that the next attempt has another number than this one.
            facts = {**intent.facts, "void": "not begun"}
            entries.append(replace(intent, facts=facts, epoch=epoch, written_ms=now_ms))
        case LateState.CUT_OFF:
            return Settled((), removed, None)
        case _:
            assert_never(late.state)
    if in_doubt is not None:
        ended = doubt(intent, "", recorded=True)
        removed.append(in_doubt.key)
        record.in_doubt = None
    for entry in entries:
        book.of(late.invocation).put(entry)
    return Settled(entries, removed, ended)


def _is_open(record: StepRecord, late: LateOutcome) -> bool:
    intent = record.intent
    if intent is None or "void" in intent.facts or "waits" in intent.facts:
        return False
    open_now = record.state in (StepState.BEGUN, StepState.IN_DOUBT)
    # Who was the owner no more when it asked for its licence has begun nothing, and knows nothing
    # of the attempt with the same number that its successor has begun.
    own = late.state is not LateState.NOT_BEGUN or late.begun_in == intent.epoch
    return open_now and own and intent.facts["attempt"] == late.attempt
