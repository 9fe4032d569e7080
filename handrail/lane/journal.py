"""The records of a lane's journal: what it is about to do, and what came out.

The key is invocation / kind / part, so a record supersedes only its own kind. A record that
holds a message carries it untouched, with its original headers, key and body; what the lane
has to say stands in one more header. No body at all removes the record.
"""

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

from handrail.errors import JournalBroken
from handrail.lane.progress import OffsetMetadata
from handrail.wire.record import Outgoing, Record, TopicPartition

LANE = "lane"  #: stands for the invocation in records that concern the lane itself
FACTS_HEADER = "handrail-journal"


class Kind(StrEnum):
    """What a journal record says."""

    EPOCH = "epoch"  #: a new owner has opened the lane
    PROGRESS = "progress"  #: the offset that the same transaction commits, and its metadata
    CLOSED = "closed"  #: the owner has closed the lane with nothing running
    RELEASED = "released"  #: the owner lets go of the lane and carries a step of it on
    ACCEPTED = "accepted"  #: how far an invocation has come: its tries, what it waits for
    PARKED = "parked"  #: an invocation rests; its offset is finished
    GATHERED = "gathered"  #: a part of a fan-out has ended
    GATHER_CLOSED = "gather_closed"  #: a fan-out was gathered; late parts are refused
    BLOCKED = "blocked"  #: those that follow a dead one of its key wait until it is settled
    REDRIVEN = "redriven"  #: a dead letter was sent back or given up; its part is the letter
    INTENT = "intent"  #: a step is about to act
    OUTCOME = "outcome"  #: what came out of a step; its result is the record's body
    IN_DOUBT = "in_doubt"  #: a step was begun and nobody can know what came of it


STEP_KINDS = frozenset({Kind.INTENT, Kind.OUTCOME, Kind.IN_DOUBT})
#: Their keys end in the path of a step, all others in a number.
PATH_KINDS = STEP_KINDS | {Kind.RELEASED}
#: Facts that are the same in the records of many invocations.
_SAID_BY_MANY = frozenset({"effect", "name", "presence", "tenant", "waits", "why"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal record. `facts` are small; `snapshot` is the message as it was read.

    `path` and `body` belong to the records of steps: which one it is, and its result as JSON.
    """

    kind: Kind
    invocation: str
    epoch: int
    agent_version: str
    written_ms: int
    part: int = 0
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    snapshot: Record | None = None
    path: str = ""
    body: bytes | None = None

    @property
    def key(self) -> bytes:
        """The record's key in the journal."""
        return entry_key(self.invocation, self.kind, self.path or self.part)


def entry_key(invocation: str, kind: Kind, part: int | str = 0) -> bytes:
    """The key under which this kind of record of this invocation stands."""
    return f"{invocation}/{kind}/{part}".encode()


PROGRESS_KEY = entry_key(LANE, Kind.PROGRESS)


def journaled_offset(entry: Entry) -> tuple[int, OffsetMetadata]:
    """Give how far a PROGRESS record says that its lane had come."""
    return int(str(entry.facts["low"])), OffsetMetadata.decode(str(entry.facts["metadata"]))


def encode_entry(entry: Entry, journal: TopicPartition) -> Outgoing:
    """Turn an entry into the record that a lane writes."""
    facts: dict[str, object] = {
        "epoch": entry.epoch,
        "agent_version": entry.agent_version,
        "ts": entry.written_ms,
        **entry.facts,
    }
    headers: tuple[tuple[str, bytes], ...] = ()
    value = b"{}" if entry.body is None else entry.body
    if entry.body is not None:
        facts["body"] = True
    if entry.snapshot is not None:
        held = entry.snapshot
        headers = held.headers
        value = held.value if held.value is not None else b""
        facts["snapshot"] = {
            "topic": held.topic,
            "partition": held.partition,
            "offset": held.offset,
            "timestamp_ms": held.timestamp_ms,
            "key": None if held.key is None else base64.b64encode(held.key).decode(),
            "null": held.value is None,
        }
    return Outgoing(
        journal.topic,
        entry.key,
        value,
        (*headers, (FACTS_HEADER, orjson.dumps(facts))),
        journal.partition,
    )


def tombstone(key: bytes, journal: TopicPartition) -> Outgoing:
    """Turn a key into the record that removes it."""
    return Outgoing(journal.topic, key, None, (), journal.partition)


def decode_entry(record: Record) -> Entry | None:
    """Read what `encode_entry` wrote; None for a tombstone. Raises JournalBroken."""
    try:
        invocation, word, part = (record.key or b"").decode().rsplit("/", 2)
        if record.value is None:
            return None
        kind = Kind(word)
        facts = orjson.loads(record.header(FACTS_HEADER) or b"")
        return Entry(
            kind=kind,
            invocation=invocation,
            part=0 if kind in PATH_KINDS else int(part),
            path=sys.intern(part) if kind in PATH_KINDS else "",
            body=record.value if facts.pop("body", False) else None,
            epoch=int(facts.pop("epoch")),
            agent_version=sys.intern(str(facts.pop("agent_version"))),
            written_ms=int(facts.pop("ts")),
            snapshot=_snapshot(record, facts.pop("snapshot", None)),
            facts=_slim(facts),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JournalBroken(
            where=f"{record.topic}[{record.partition}]",
            topic=record.topic,
            offset=record.offset,
            detail=repr(error),
        ) from error


def _slim(facts: dict[str, object]) -> dict[str, object]:
    """Give facts that take no more memory than they must: many of them may be kept for long.

    A table that was read has room for all that it once held; what many records say is kept once.
    """
    return {
        name: sys.intern(said) if name in _SAID_BY_MANY and isinstance(said, str) else said
        for name, said in facts.items()
    }


def _snapshot(record: Record, held: Mapping[str, object] | None) -> Record | None:
    if held is None:
        return None
    key = held["key"]
    return Record(
        topic=str(held["topic"]),
        partition=int(str(held["partition"])),
        offset=int(str(held["offset"])),
        timestamp_ms=int(str(held["timestamp_ms"])),
        key=None if key is None else base64.b64decode(str(key)),
        value=None if held["null"] else record.value,
        headers=tuple(pair for pair in record.headers if pair[0] != FACTS_HEADER),
    )
