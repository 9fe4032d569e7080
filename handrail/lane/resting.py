"""What the journal keeps of an invocation that rests, and what is read back from it."""

import base64

from handrail.lane.bounds import SNAPSHOT_IN_MEMORY_BYTES_MAX
from handrail.lane.invocation import Invocation, Stage
from handrail.lane.journal import Entry, Kind
from handrail.wire.record import Record

_WHY = {Stage.RUNNING: "running", Stage.IN_DOUBT: "in doubt"}


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
            "why": _WHY.get(invocation.stage, "waiting"),
        },
        snapshot=invocation.record,
    )


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
        deadline_ms=None if deadline is None else int(str(deadline)),
        parked=True,
    )


def kept(record: Record | None) -> Record | None:
    """Keep a small part in memory; a large one is read back from the journal."""
    if record is None or len(record.value or b"") > SNAPSHOT_IN_MEMORY_BYTES_MAX:
        return None
    return record


def original_offset(entry: Entry) -> int:
    """Give the place in the inbox of a message that rests."""
    assert entry.snapshot is not None
    return entry.snapshot.offset
