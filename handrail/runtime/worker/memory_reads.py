"""What a read of memory leaves in the journal, and the values that are made of it again.

A record is kept as it stands in its topic, sealed where it is sealed there. With it goes how far
commands have come in it, so that those who are told of it later never see less.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import orjson

from handrail.contract.failure import Refused, State
from handrail.contract.memory import Memory, Provenance, Record
from handrail.contract.memory_reader import Found
from handrail.contract.subject_seal import SubjectSeal
from handrail.wire.memory import Positions, StoredRecord, key_in_words

M = TypeVar("M")


class WhatWasRead:
    """The result of one read."""

    def __init__(self, found: Sequence[Found], positions: str) -> None:
        """Keep what was found, and which positions it has seen."""
        self.found = found
        self.positions = positions

    def encode(self) -> bytes:
        """Give it as the journal keeps it."""
        records = [[asdict(one.record), one.score] for one in self.found]
        return orjson.dumps({"records": records, "memread": self.positions})

    @classmethod
    def decode(cls, body: bytes) -> "WhatWasRead":
        """Read what `encode` gave."""
        facts = cast("dict[str, Any]", orjson.loads(body))
        return cls(
            [
                Found(StoredRecord.decode(orjson.dumps(record)), score)
                for record, score in facts["records"]
            ],
            str(facts["memread"]),
        )


def positions_of(records: Sequence[StoredRecord], partitions: Sequence[int]) -> str:
    """Give how far commands have come in these records, which lie on these partitions."""
    seen = zip(partitions, records, strict=True)
    none = Positions({})
    return str(none.joined(Positions({partition: one.applied}) for partition, one in seen))


async def opened(
    space: Memory[M], stored: StoredRecord, seal: SubjectSeal | None, of: tuple[str, str | None]
) -> Record[M] | None:
    """Give a record as a handler sees it; None when its subject was forgotten meanwhile.

    `of` is tenant and subject.
    """
    tenant, subject = of
    body = orjson.dumps(stored.value)
    if stored.sealed:
        if seal is None or subject is None:
            raise Refused(
                State.DEPENDENCY_UNAVAILABLE, f"memory {space.name} is sealed, and no keys are here"
            )
        unsealed = await seal.open(tenant, subject, str(stored.value))
        if unsealed is None:
            return None
        body = unsealed
    return Record(
        key=key_in_words(stored.key),
        value=space.decode(stored.type_name, body),
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


def _time(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
