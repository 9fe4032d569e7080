"""One record of a topic, as it was read and as it is to be written; nothing is interpreted here."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes], ...]


class TopicPartition(NamedTuple):
    """One partition of one topic, named as the broker names it (namespace included)."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read; bytes are never changed."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def where(self) -> TopicPartition:
        """The partition this record was read from."""
        return TopicPartition(self.topic, self.partition)

    def header(self, name: str) -> bytes | None:
        """Give the last header of that name, which is the one that counts, or None."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written; without a partition the key decides, as Kafka's own clients do."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
