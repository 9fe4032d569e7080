"""What the journal keeps of an invocation that rests, and what is read back from it."""

import base64
from collections.abc import Iterable

from handrail.lane.bounds import SNAPSHOT_IN_MEMORY_BYTES_MAX
from handrail.lane.invocation import Invocation, Stage, Why
from handrail.lane.journal import Entry, Kind
from handrail.lane.poison import Standing
from handrail.lane.retry import NO_TRIES, Tries
from handrail.wire.claim import is_claim
from handrail.wire.record import Record


def parked_entry(invocation: Invocation, epoch: int, version: str, now_ms: int) -> Entry:
    """Give the record under which an invocation rests, its message with it."""
    return Entry(
        Kind.PARKED,
        invocation.id,
        epoch,
        version,
        now_ms,
        facts={
            "mailbox": base64.b64encode(invocation.key).decode(),
            "admitted_ms": invocation.admitted_ms,
            "deadline_ms": invocation.deadline_ms,
            "task": invocation.task_id,
            "tenant": invocation.tenant,
            "why": "running" if invocation.stage is Stage.RUNNING else invocation.why or "waiting",
        },
        snapshot=invocation.record,
    )


def accepted_entry(invocation: Invocation, epoch: int, version: str, now_ms: int) -> Entry:
    """Give the record of how far an invocation has come: small, and written anew each time."""
    tries = invocation.tries
    return Entry(
        Kind.ACCEPTED,
        invocation.id,
        epoch,
        version,
        now_ms,
        facts={
            "offset": invocation.offset,
            "task": invocation.task_id,
            "tenant": invocation.tenant,
            "counted": tries.counted,
            "uncounted": tries.uncounted,
            "since_ms": tries.since_ms,
            "total": tries.total,
            "first_ms": tries.first_ms,
            "why": invocation.why,
            "wake_ms": invocation.wake_ms,
            **({} if invocation.memory_read is None else {"memory_read": invocation.memory_read}),
            **invocation.standing.facts(),
        },
    )


def take_up(invocation: Invocation, accepted: Entry) -> tuple[Why | None, int | None]:
    """Give an invocation the tries of its ACCEPTED; give what it waited for, and until when."""
    facts = accepted.facts
    tries = Tries(
        int(str(facts["counted"])),
        int(str(facts["uncounted"])),
        _optional(facts["since_ms"]),
        int(str(facts.get("total", 0))),
        _optional(facts.get("first_ms")),
    )
    invocation.tries = NO_TRIES if tries == NO_TRIES else tries
    seen = facts.get("memory_read")
    invocation.memory_read = None if seen is None else str(seen)
    invocation.is_on_record = True
    # Of a gather nothing else says it before its handler starts again.
    invocation.task_id = invocation.task_id or str(facts.get("task", ""))
    invocation.tenant = invocation.tenant or str(facts.get("tenant", ""))
    invocation.standing = Standing.of(facts)
    why = None if facts["why"] is None else Why(str(facts["why"]))
    return why, _optional(facts["wake_ms"])


def parked_invocations(entries: Iterable[Entry]) -> list[Invocation]:
    """Give what rests, in the order of the offsets."""
    parked = [entry for entry in entries if entry.kind is Kind.PARKED]
    return [parked_invocation(entry) for entry in sorted(parked, key=original_offset)]


def parked_invocation(entry: Entry) -> Invocation:
    """Give the invocation that rests under a record; its message stays in the journal."""
    deadline = entry.facts.get("deadline_ms")
    return Invocation(
        id=entry.invocation,
        key=base64.b64decode(str(entry.facts["mailbox"])),
        offset=original_offset(entry),
        admitted_ms=int(str(entry.facts["admitted_ms"])),
        record=None,
        envelope=None,
        deadline_ms=_optional(deadline),
        parked=True,
        task_id=str(entry.facts.get("task", "")),
        tenant=str(entry.facts.get("tenant", "")),
    )


def kept(record: Record | None) -> Record | None:
    """Keep a small part in memory; a large one, and a claim, is read back from the journal."""
    if record is None or len(record.value or b"") > SNAPSHOT_IN_MEMORY_BYTES_MAX:
        return None
    # What it stands for may be written again, elsewhere.
    if is_claim(record):
        return None
    return record


def original_offset(entry: Entry) -> int:
    """Give the place in the inbox of a message that rests."""
    assert entry.snapshot is not None
    return entry.snapshot.offset


def _optional(number: object) -> int | None:
    return None if number is None else int(str(number))
