"""One partition in memory, with transactions and offsets as a broker keeps them.

A transaction's marker takes up an offset, as on Kafka: offsets of committed records have gaps.
Readers see records below the last stable offset only, and none of an aborted transaction.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from operator import attrgetter

from handrail.wire.record import Headers, Outgoing, Record, TopicPartition, readable_name

MESSAGE_BYTES_MAX = 1_048_588  #: the default of `max.message.bytes`, Apache Kafka 4.4
_RECORD_OVERHEAD_BYTES = 88  #: a batch header and one record's lengths, at most
_HEADER_OVERHEAD_BYTES = 8


class Fate(Enum):
    """What became of a record's transaction."""

    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()
    MARKER = auto()


@dataclass(slots=True)
class Entry:
    """One offset of a log; a marker has neither key nor value."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    fate: Fate
    unreadable_names: tuple[str, ...] = ()
    as_read: Record | None = None  #: made once, when it is read first


_by_offset = attrgetter("offset")


@dataclass(slots=True)
class PartitionLog:
    """The records of one partition, in order of their offsets."""

    where: TopicPartition
    entries: list[Entry] = field(default_factory=list[Entry])
    begin: int = 0
    end: int = 0
    open_offsets: set[int] = field(default_factory=set[int])

    @property
    def last_stable(self) -> int:
        """Everything below this offset is decided."""
        return min(self.open_offsets, default=self.end)

    def append(self, record: Outgoing, timestamp_ms: int, fate: Fate) -> Entry:
        """Write one record at the end."""
        headers, unreadable = _as_read(record.headers)
        entry = Entry(self.end, timestamp_ms, record.key, record.value, headers, fate, unreadable)
        self.entries.append(entry)
        self.end += 1
        if fate is Fate.OPEN:
            self.open_offsets.add(entry.offset)
        return entry

    def decide(self, entries: list[Entry], fate: Fate, timestamp_ms: int) -> None:
        """Settle a transaction's records here and write its marker."""
        for entry in entries:
            entry.fate = fate
            self.open_offsets.discard(entry.offset)
        self.entries.append(Entry(self.end, timestamp_ms, None, None, (), Fate.MARKER))
        self.end += 1

    def read(self, position: int, records_max: int) -> tuple[list[Record], int]:
        """Give committed records from a position on, and the position after them."""
        position = max(position, self.begin)
        stable = self.last_stable
        records: list[Record] = []
        index = bisect_left(self.entries, position, key=_by_offset)
        while index < len(self.entries) and len(records) < records_max:
            entry = self.entries[index]
            if entry.offset >= stable:
                break
            if entry.fate is Fate.COMMITTED:
                records.append(entry.as_read or self._record(entry))
            position = entry.offset + 1
            index += 1
        if len(records) < records_max:
            position = max(position, stable)
        return records, position

    def _record(self, entry: Entry) -> Record:
        entry.as_read = Record(
            self.where.topic,
            self.where.partition,
            entry.offset,
            entry.timestamp_ms,
            entry.key,
            entry.value,
            entry.headers,
            entry.unreadable_names,
        )
        return entry.as_read

    def offset_at(self, timestamp_ms: int) -> int:
        """Give the first stable offset of a record that is not older, else the stable end."""
        for entry in self.entries:
            if entry.fate is not Fate.MARKER and entry.timestamp_ms >= timestamp_ms:
                return min(entry.offset, self.last_stable)
        return self.last_stable

    def delete_before(self, offset: int) -> None:
        """Forget everything below an offset."""
        self.begin = max(self.begin, min(offset, self.end))
        del self.entries[: bisect_left(self.entries, self.begin, key=_by_offset)]

    def compact(self) -> None:
        """Keep the last committed record of each key; tombstones and undecided records stay."""
        latest = {e.key: e.offset for e in self.entries if e.fate is Fate.COMMITTED}
        stable = self.last_stable
        self.entries = [
            e
            for e in self.entries
            if e.offset >= stable or (e.fate is Fate.COMMITTED and latest[e.key] == e.offset)
        ]


def _as_read(headers: Headers) -> tuple[Headers, tuple[str, ...]]:
    """Give headers as a reader finds them, and which of their names are no text.

    Half characters in a name stand for bytes that are no UTF-8. The engine writes none; a foreign
    client may, and so may a test.
    """
    if "".join([name for name, _ in headers]).isascii():
        return tuple(headers), ()
    read: list[tuple[str, bytes]] = []
    unreadable: list[str] = []
    for name, value in headers:
        raw = name.encode(errors="surrogateescape")
        text = readable_name(raw)
        read.append((text, value))
        if text.encode() != raw:
            unreadable.append(text)
    return tuple(read), tuple(unreadable)


def refusal(record: Outgoing, settings: Mapping[str, str]) -> str | None:
    """Say why a broker would not take this record, or None when it would."""
    size = _RECORD_OVERHEAD_BYTES + len(record.key or b"") + len(record.value or b"")
    size += sum(len(n) + len(v) + _HEADER_OVERHEAD_BYTES for n, v in record.headers)
    limit = int(settings.get("max.message.bytes", MESSAGE_BYTES_MAX))
    if size > limit:
        return f"it has {size} bytes and the topic takes at most {limit}"
    if record.key is None and record.value is None:
        return "it has neither a key nor a value"
    if record.key is None and "compact" in settings.get("cleanup.policy", ""):
        return "the topic is compacted and the record has no key"
    return None
