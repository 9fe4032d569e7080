"""Writes what a keeper of memory writes, one transaction for each command, on any bus."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from handrail.bus.port import Bus, LaneProducer
from handrail.wire.memory import (
    APPLIED_KEY,
    HISTORY,
    AppliedMark,
    Positions,
    StoredRecord,
    full_key,
    space_topic,
)
from handrail.wire.record import Outgoing
from tests.promises.ground import PARTITIONS, Ground

SPACES = ("facts", "scratch")
TENANT = "acme"


@dataclass
class Scribe:
    """Numbers commands by itself, as if each had been the next of its partition."""

    ground: Ground
    bus: Bus
    producer: LaneProducer
    applied: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), -1))
    spaces: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    history: dict[int, int] = field(default_factory=dict[int, int])
    versions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @classmethod
    async def begin(cls, ground: Ground, bus: Bus) -> Self:
        """Create the topics and write nothing yet."""
        await ground.prepare(bus, HISTORY, compacted=[space_topic(space) for space in SPACES])
        producer = bus.lane_producer(f"{ground.namespace}.keeper.0")
        await producer.init(deadline_s=10)
        return cls(ground, bus, producer)

    async def put(self, space: str, key: str, value: Any, **facts: Any) -> Positions:
        """Write a version; give where its command stood."""
        full = facts.pop("full", None) or full_key(TENANT, key)
        partition, applied = self._next(full, facts.pop("partition", None))
        version = self.versions[space, full] = self.versions.get((space, full), 0) + 1
        stored = StoredRecord(
            space=space,
            key=full,
            version=version,
            type_name="fact.v1",
            value=value,
            applied=applied,
            written_ms=facts.pop("written_ms", 1000 + version),
            agent="clerk",
            **facts,
        )
        await self._write(space, partition, full, stored.encode(), stored)
        return Positions({partition: applied})

    async def remove(self, space: str, key: str, **facts: Any) -> Positions:
        """Write a tombstone, and the version that says so."""
        full = facts.pop("full", None) or full_key(TENANT, key)
        partition, applied = self._next(full)
        version = self.versions[space, full] = self.versions.get((space, full), 0) + 1
        stored = StoredRecord(
            space=space,
            key=full,
            version=version,
            type_name="fact.v1",
            value=None,
            applied=applied,
            written_ms=facts.pop("written_ms", 1000 + version),
            agent="person:ada",
            removed=True,
            **facts,
        )
        await self._write(space, partition, full, None, stored)
        return Positions({partition: applied})

    async def refuse(self, space: str, key: str) -> Positions:
        """Take a command that changes nothing."""
        partition, applied = self._next(full_key(TENANT, key))
        topic = self.ground.topic(space_topic(space))
        await self.producer.commit([self._mark(topic, partition)])
        return Positions({partition: applied})

    def _next(self, full: str, partition: int | None = None) -> tuple[int, int]:
        if partition is None:
            partition = sum(full.encode()) % PARTITIONS
        self.applied[partition] = self.applied.get(partition, -1) + 1
        return partition, self.applied[partition]

    async def _write(
        self, space: str, partition: int, full: str, body: bytes | None, version: StoredRecord
    ) -> None:
        topic, key = self.ground.topic(space_topic(space)), full.encode()
        self.spaces.setdefault(partition, {})[space] = version.applied
        self.history[partition] = version.applied
        await self.producer.commit(
            [
                Outgoing(topic, key, body, (), partition),
                Outgoing(self.ground.topic(HISTORY), key, version.encode(), (), partition),
                self._mark(topic, partition),
            ]
        )

    def _mark(self, topic: str, partition: int) -> Outgoing:
        mark = AppliedMark(
            applied=self.applied[partition],
            spaces=dict(self.spaces.get(partition, {})),
            history=self.history.get(partition, -1),
        )
        return Outgoing(topic, APPLIED_KEY, mark.encode(), (), partition)


def without_times(stored: StoredRecord | None) -> StoredRecord | None:
    """Give a record for comparison by what it says."""
    return None if stored is None else replace(stored, written_ms=0)
