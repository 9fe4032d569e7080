"""What a read of memory leaves in the journal, and the values that are made of it again.

What is sealed in its topic is sealed in the journal too, so that forgetting reaches it there. With
each record goes how far commands have come in it, so that those who are told of it never see less.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson

from handrail.contract.memory import Memory, Provenance, Record
from handrail.memory.sealing import opened, sealed
from handrail.wire.memory import Command, Op, Positions, StoredRecord, key_in_words

if TYPE_CHECKING:
    from handrail.store.subject_keys import SubjectKeys

M = TypeVar("M")

#: A record with its value clear, and how well it matched.
Scored = tuple[StoredRecord, float]


class WhatWasRead:
    """The result of one read, values clear."""

    def __init__(self, found: Sequence[Scored], positions: str) -> None:
        """Keep what was found, and which positions it has seen."""
        self.found = found
        self.positions = positions

    def encode(self, keys: "SubjectKeys | None") -> bytes:
        """Give it as the journal keeps it."""
        records = [[asdict(_closed(record, keys)), score] for record, score in self.found]
        return orjson.dumps({"records": records, "memread": self.positions})

    @classmethod
    def decode(cls, body: bytes, keys: "SubjectKeys | None") -> "WhatWasRead":
        """Read what `encode` gave, without the records whose subject was forgotten since."""
        facts = cast("dict[str, Any]", orjson.loads(body))
        kept = [
            (StoredRecord.decode(orjson.dumps(record)), float(score))
            for record, score in facts["records"]
        ]
        clear = [(_clear(record, keys), score) for record, score in kept]
        found = [(record, score) for record, score in clear if record is not None]
        return cls(found, str(facts["memread"]))


def positions_of(records: Sequence[StoredRecord], partitions: Sequence[int]) -> str:
    """Give how far commands have come in these records, which lie on these partitions."""
    seen = zip(partitions, records, strict=True)
    none = Positions({})
    return str(none.joined(Positions({partition: one.applied}) for partition, one in seen))


def as_given(space: Memory[M], stored: StoredRecord) -> Record[M]:
    """Give a record as a handler sees it. Raises what the space raises for an unfit value."""
    return Record(
        key=key_in_words(stored.key),
        value=space.decode(stored.type_name, orjson.dumps(stored.value)),
        version=stored.version,
        provenance=Provenance(
            agent=stored.agent,
            agent_version=stored.agent_version,
            task_id=stored.task_id,
            message_id=stored.message_id,
            tool_call=stored.tool_call,
            model=stored.model,
        ),
        derived_from=stored.derived_from,
        label=stored.label,
        confidence=stored.confidence,
        observed_at=_time(stored.observed_ms),
        expires_at=_time(stored.expires_ms),
        supersedes=stored.supersedes,
    )


def in_ms(moment: datetime) -> int:
    """Give a time as topics hold it."""
    return round(moment.timestamp() * 1000)


def _closed(record: StoredRecord, keys: "SubjectKeys | None") -> StoredRecord:
    if not record.sealed:
        return record
    assert keys is not None, "what was opened here was opened with keys"
    command = Command(
        op=Op.PUT,
        space=record.space,
        key=record.key,
        by=record.agent,
        type_name=record.type_name,
        value=record.value,
    )
    return replace(record, value=sealed(command, keys).value)


def _clear(record: StoredRecord, keys: "SubjectKeys | None") -> StoredRecord | None:
    if not record.sealed:
        return record
    return None if keys is None else opened(record, keys)


def _time(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
