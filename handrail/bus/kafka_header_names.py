"""Reads batches of Kafka in which a header's name is not UTF-8, as any client may write one.

aiokafka 0.14: such a record raises UnicodeDecodeError while its batch is read, and the partition
stands still before it for good. Here the batch is read once more, from that record on, and so is
the rest of the broker's answer, with names as `readable_name` gives them.
Guarantees: every record is given exactly once and in order, also inside compressed batches; aborted
transactions and control batches are passed over as before; a batch that is broken in another way
fails as before. Sound names never come here and cost nothing.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, memory_records
from aiokafka.record.util import decode_varint

from handrail.bus.kafka_producer import CHECKED_VERSIONS
from handrail.errors.transport import AiokafkaUnchecked
from handrail.wire.record import readable_name

_Batches: Any = memory_records.MemoryRecords  #: aiokafka 0.14 types little of what follows
_Records: Any = fetcher.PartitionRecords
_Batch: Any = vars(default_records)["_DefaultRecordBatchPy"]

LENGTH_AT, LENGTH_END = 8, 12  #: where a batch says how long the rest of it is
MAGIC_AT = 16
MAGIC_WITH_HEADERS = 2  #: the oldest format of a batch whose records have headers


class UnreadableNames(tuple[str, ...]):
    """The names of a record's headers that were no UTF-8, spelled as among its headers."""

    __slots__ = ()


class RereadRecord(NamedTuple):
    """A record as aiokafka's own parsers give one."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    #: aiokafka 0.14 hands it on as it is, and for a record that can have headers it is None.
    checksum: UnreadableNames | None


def unreadable_names(found: Any) -> tuple[str, ...]:
    """Give the names, in a record of aiokafka's consumer, that were no UTF-8."""
    names = found.checksum
    return names if type(names) is UnreadableNames else ()


def read_any_header_name(version: str) -> None:
    """Let the consumers of this process read every record, whatever its headers are called.

    Raises AiokafkaUnchecked when what it replaces may mean something else in this version. Another
    consumer in this process gets escapes where it got an error.
    """
    if version not in CHECKED_VERSIONS:
        raise AiokafkaUnchecked(version=version, checked=", ".join(sorted(CHECKED_VERSIONS)))
    consumers: Any = fetcher
    consumers.MemoryRecords = KeptRecords
    consumers.PartitionRecords = TolerantRecords


class KeptRecords(_Batches):  # type: ignore[misc]  # aiokafka 0.14 is untyped
    """The batches of one answer, cut by aiokafka itself, and their bytes."""

    def __init__(self, data: bytes) -> None:
        """Keep the bytes for another reading."""
        super().__init__(data)  # pyright: ignore[reportUnknownMemberType]  # as above
        self.data = data


class TolerantRecords(_Records):  # type: ignore[misc]  # aiokafka 0.14 is untyped
    """The records of one answer; what a fast parser cannot read because of a name is read again."""

    _records: Any
    _records_iterator: Any
    next_fetch_offset: int

    def __next__(self) -> Any:
        """Give the next record."""
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except (UnicodeDecodeError, CorruptRecordException) as error:
            # aiokafka 0.14: its parser in plain Python wraps what its parser in C raises.
            cause = error.__cause__ if isinstance(error, CorruptRecordException) else error
            if not isinstance(cause, UnicodeDecodeError) or type(self._records) is RereadRecords:
                raise
        self._records = RereadRecords(self._records.data, self.next_fetch_offset)
        self._records_iterator = self._unpack_records()
        return self.__next__()


class RereadRecords:
    """The batches of one answer that reach to an offset or beyond it, to be read with escapes."""

    def __init__(self, data: bytes, offset: int) -> None:
        """Pass over the batches that end before this offset: their records were given."""
        self._batches = _batches(data, offset)
        self._next: Any = next(self._batches, None)

    def has_next(self) -> bool:
        """Say whether there is one more."""
        return self._next is not None

    def next_batch(self) -> Any:
        """Give the next one."""
        batch, self._next = self._next, next(self._batches, None)
        return batch


def _batches(data: bytes, offset: int) -> Iterator[Any]:
    batches = _Batches(data)
    start = 0
    while batches.has_next():
        end = start + LENGTH_END + int.from_bytes(data[start + LENGTH_AT : start + LENGTH_END])
        batch = batches.next_batch()
        if batch.next_offset > offset:
            headless = data[start + MAGIC_AT] < MAGIC_WITH_HEADERS or batch.is_control_batch
            yield batch if headless else RereadBatch(batch, data[start:end])
        start = end


class RereadBatch:
    """One batch: what it says of itself comes from aiokafka, its records from `reread`."""

    def __init__(self, batch: Any, data: bytes) -> None:
        """Read nothing yet."""
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        """Give what the batch says of itself."""
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[RereadRecord]:
        """Give its records in order."""
        return reread(self._data)


def reread(data: bytes) -> Iterator[RereadRecord]:
    """Give the records of one whole batch in order, compressed or not.

    Raises CorruptRecordException where they are not built as records are.
    """
    batch = iter(_Batch(data))  # which has uncompressed them with that
    buffer, place = batch._buffer, batch._pos
    try:
        for _ in range(batch._num_records):
            record, place = _record(batch, buffer, place)
            yield record
    except IndexError as error:
        raise CorruptRecordException(f"a record ends beyond its batch, at {place}") from error
    if place != len(buffer):
        raise CorruptRecordException(f"{len(buffer) - place} bytes follow the last record")


def _record(batch: Any, buffer: bytearray, place: int) -> tuple[RereadRecord, int]:
    length, begin = decode_varint(buffer, place)
    _, place = decode_varint(buffer, begin)  # attributes, of which there are none
    after_first_ms, place = decode_varint(buffer, place)
    after_base, place = decode_varint(buffer, place)
    key, place = _nullable(buffer, place)
    value, place = _nullable(buffer, place)
    count, place = decode_varint(buffer, place)
    headers: list[tuple[str, bytes | None]] = []
    unreadable: list[str] = []
    for _ in range(count):
        raw, place = _nullable(buffer, place)
        held, place = _nullable(buffer, place)
        if raw is None:
            raise CorruptRecordException("a header without a name")
        name = readable_name(raw)
        headers.append((name, held))
        if name.encode() != raw:
            unreadable.append(name)
    if count < 0 or place != begin + length:
        raise CorruptRecordException(f"a record of {length} bytes has {place - begin}")
    appended = batch.timestamp_type == batch.LOG_APPEND_TIME
    time_ms = batch.max_timestamp if appended else batch.first_timestamp + after_first_ms
    names = UnreadableNames(unreadable) if unreadable else None
    found = RereadRecord(
        batch.base_offset + after_base, time_ms, batch.timestamp_type, key, value, headers, names
    )
    return found, place


def _nullable(buffer: bytearray, place: int) -> tuple[bytes | None, int]:
    length, place = decode_varint(buffer, place)
    if length < 0:
        return None, place
    return bytes(buffer[place : place + length]), place + length
