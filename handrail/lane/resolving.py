"""Ending a doubt by what a person has found out. Pure.

A decision counts if its request, attempt included, is what the journal shows as in doubt. The
first one counts; any other says nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import StepBook


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a decision leaves in the journal; the invocation may go on once it is written."""

    invocation: str
    path: str
    entries: Sequence[Entry]
    removed: Sequence[bytes]


def resolve(
    book: StepBook, request: str, result: bytes | None, by: str, now_ms: int
) -> Resolved | None:
    """End a doubt: it happened with this result, or, with None, it did not happen.

    None when nothing is in doubt under that request.
    """
    if not book.waits_for(request):
        return None
    invocation, path, _ = request.rsplit("/", 2)
    record = book.known(invocation, path)
    assert record is not None
    intent, in_doubt = record.intent, record.in_doubt
    assert intent is not None
    assert in_doubt is not None
    if result is None:
        # The intent stays, so that the next attempt has another number than this one.
        entry = replace(intent, facts={**intent.facts, "void": by}, written_ms=now_ms)
        removed = [in_doubt.key]
        record.in_doubt = None
    else:
        known = {name: intent.facts[name] for name in ("name", "digest", "shown", "attempt")}
        facts = {**known, "ok": True, "by": by}
        entry = replace(intent, kind=Kind.OUTCOME, facts=facts, written_ms=now_ms, body=result)
        removed = []
    record.put(entry)
    return Resolved(invocation, path, (entry,), removed)
