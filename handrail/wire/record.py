"""One record of a topic, as it was read and as it is to be written; nothing is interpreted here."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes], ...]


def readable_name(name: bytes) -> str:
    r"""Give a header's name as text; what is no UTF-8 in it becomes escapes such as `\xff`.

    The result holds no half characters, so every client can write it again.
    """
    return name.decode("utf-8", "backslashreplace")


class TopicPartition(NamedTuple):
    """One partition of one topic, named as the broker names it (namespace included)."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read; key and body are never changed.

    A header's name that is no UTF-8 stands among the headers as `readable_name` gives it, so that
    every record read can be written again, by any client.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    unreadable_names: tuple[str, ...] = ()  #: the names of headers that were no UTF-8

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
