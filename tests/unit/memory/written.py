"""What a keeper has written, as records of topics that were read: for views without a broker."""

from dataclasses import dataclass, field
from typing import Any

from handrail.wire.memory import (
    APPLIED_KEY,
    HISTORY,
    AppliedMark,
    StoredRecord,
    full_key,
    space_topic,
)
from handrail.wire.record import Record, TopicPartition

NAMESPACE = "ns"
TENANT = "acme"
PARTITIONS = 3


@dataclass
class Written:
    """Topics of memory in plain lists; each method is a command that the keeper has taken."""

    logs: dict[TopicPartition, list[Record]] = field(
        default_factory=dict[TopicPartition, list[Record]]
    )
    applied: dict[int, int] = field(default_factory=dict[int, int])
    marks: dict[int, AppliedMark] = field(default_factory=dict[int, AppliedMark])
    versions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def put(
        self, space: str, key: str, value: Any, *, full: str | None = None, **facts: Any
    ) -> str:
        """Write a version; give its full key."""
        name = full or full_key(TENANT, key)
        stored = self._next(space, name, value=value, **facts)
        self._write(space, name, stored.encode(), stored)
        return name

    def remove(self, space: str, key: str, *, full: str | None = None) -> None:
        """Write a tombstone, and the version that says so."""
        name = full or full_key(TENANT, key)
        self._write(space, name, None, self._next(space, name, value=None, removed=True))

    def refuse(self, space: str, key: str) -> None:
        """Take a command that changes nothing."""
        partition = self._partition(full_key(TENANT, key))
        applied = self.applied[partition] = self.applied.get(partition, -1) + 1
        old = self.marks.get(partition, AppliedMark(applied=-1, spaces={}))
        mark = AppliedMark(applied=applied, spaces=old.spaces, history=old.history)
        self._mark(space, partition, mark)

    def records(self) -> list[Record]:
        """Give all, partition by partition."""
        return [record for log in self.logs.values() for record in log]

    def __iter__(self) -> Any:
        """Give the logs, each in its order."""
        return iter(self.logs.values())

    def _next(self, space: str, name: str, **facts: Any) -> StoredRecord:
        partition = self._partition(name)
        applied = self.applied[partition] = self.applied.get(partition, -1) + 1
        version = self.versions[space, name] = self.versions.get((space, name), 0) + 1
        return StoredRecord(
            space=space,
            key=name,
            version=version,
            type_name="fact.v1",
            applied=applied,
            written_ms=facts.pop("written_ms", 1000 * version),
            agent="clerk",
            **facts,
        )

    def _write(self, space: str, name: str, body: bytes | None, version: StoredRecord) -> None:
        partition = self._partition(name)
        old = self.marks.get(partition, AppliedMark(applied=-1, spaces={}))
        self._append(space_topic(space), partition, name.encode(), body)
        self._append(HISTORY, partition, name.encode(), version.encode())
        applied = version.applied
        spaces = {**old.spaces, space: applied}
        self._mark(space, partition, AppliedMark(applied=applied, spaces=spaces, history=applied))

    def _mark(self, space: str, partition: int, mark: AppliedMark) -> None:
        self.marks[partition] = mark
        self._append(space_topic(space), partition, APPLIED_KEY, mark.encode())

    def _append(self, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
        where = TopicPartition(f"{NAMESPACE}.{topic}", partition)
        log = self.logs.setdefault(where, [])
        # A gap after each: where the marker of a transaction would be.
        log.append(Record(*where, 2 * len(log), 1_000 + len(log), key, value))

    @staticmethod
    def _partition(name: str) -> int:
        return sum(name.encode()) % PARTITIONS
