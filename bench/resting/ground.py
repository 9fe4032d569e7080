"""Makes a lane in which invocations rest, and weighs it."""

import gc
import tracemalloc
import uuid
from collections.abc import Iterator
from dataclasses import replace

from handrail.lane.decision import LaneSettings
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.lane.resting import accepted_entry, parked_entry
from handrail.lane.steps import lean
from handrail.wire.record import Record, TopicPartition

VERSION = "a" * 64
FAR_MS = 4 * 10**12
JOURNAL = TopicPartition("ns.a.journal", 0)
INTENT = {
    "name": "ctx.sleep",
    "shown": "sleep(86400)",
    "effect": "pure",
    "attempt": 1,
    "first_ms": 0,
    "key_ttl_s": None,
    "waits": "time",
    "until_ms": FAR_MS,
}
OUTCOME = {"ok": True, "name": "model", "shown": 'model("of what was asked")', "attempt": 1}


def _entries_of(number: int, intents: int, outcomes: int) -> Iterator[Entry]:
    """Give what the journal holds of one that rests, of a key of its own."""
    key, body = b"key %d" % number, b'{"question": "' + b"why " * 100 + b'"}'
    record = Record("in", 0, number, 7, key, body, (("ce_id", b"%d" % number),))
    rests = Invocation(str(uuid.uuid4()), key, number, 0, record, None, FAR_MS)
    rests.task_id, rests.tenant = str(uuid.uuid4()), "default"
    rests.why, rests.wake_ms = Why.SLEEP, FAR_MS
    yield parked_entry(rests, 1, VERSION, 0)
    yield accepted_entry(rests, 1, VERSION, 0)
    for path in range(1, 1 + outcomes):
        facts = {**OUTCOME, "digest": uuid.uuid4().hex * 2}
        answer = b'{"answer": "' + b"because " * 30 + b'"}'
        yield Entry(Kind.OUTCOME, rests.id, 1, VERSION, 0, 0, facts, None, str(path), answer)
    for path in range(1 + outcomes, 1 + outcomes + intents):
        facts = {**INTENT, "digest": uuid.uuid4().hex * 2, "idem_key": uuid.uuid4().hex * 2}
        yield Entry(Kind.INTENT, rests.id, 1, VERSION, 0, 0, facts, None, str(path))


def _journal(count: int, intents: int, outcomes: int) -> Iterator[tuple[int, bytes, Entry | None]]:
    """Give the journal as an opening reads it."""
    offset = 0
    for number in range(count):
        for entry in _entries_of(number, intents, outcomes):
            out = encode_entry(entry, JOURNAL)
            record = Record(out.topic, 0, offset, 0, out.key, out.value, out.headers)
            yield offset, out.key or b"", _as_kept(decode_entry(record))
            offset += 1


def _as_kept(entry: Entry | None) -> Entry | None:
    """Leave out what an opening leaves in the journal: the message, and a large result."""
    if entry is None or entry.snapshot is None:
        return None if entry is None else lean(entry)
    return replace(entry, snapshot=replace(entry.snapshot, value=None, headers=()))


def bytes_each(count: int, intents: int, outcomes: int) -> float:
    """Give what one of so many takes in a lane that was opened anew, by what it has recorded."""
    gc.collect()
    tracemalloc.start()
    lane = Lane(LaneSettings(VERSION, "in"), 0, OffsetMetadata(0, 1, 0, 0))
    lane.restore(_journal(count, intents, outcomes), count * (2 + intents + outcomes), 0)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lane.parked_count == count
    return taken / count
