"""A batch in which a header's name is no text gives every record, once and in order."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records
from aiokafka.record.util import calc_crc32c

from handrail.bus.kafka_consumer import as_record
from handrail.bus.kafka_header_names import (
    KeptRecords,
    RereadRecords,
    TolerantRecords,
    read_any_header_name,
)
from handrail.errors.transport import AiokafkaUnchecked
from handrail.wire.record import Record
from tests.promises.raw import BuilderInPlainPython, RawName

BatchInPlainPython: Any = vars(default_records)["_DefaultRecordBatchPy"]
PLACE = TopicPartition("jobs", 0)
BASE_OFFSET = struct.Struct(">q")
CRC_AT, ATTRIBUTES_AT = 17, 21
APPEND_TIME, CONTROL = 0x08, 0x20
ABORT_KEY = struct.pack(">hh", 0, 0)
BAD = RawName(b"id\xff\xe9")
SOUND, UNSOUND = "trace", BAD
READ_UNCOMMITTED, READ_COMMITTED = 0, 1


def batch(
    offset: int,
    *names: str,
    codec: int = 0,
    producer: int | None = None,
    attributes: int = 0,
    key: bytes = b"key",
) -> bytes:
    """Give the bytes of a batch with one record per name, as a broker keeps it."""
    transactional = producer is not None
    builder = BuilderInPlainPython(2, codec, transactional, producer or -1, 0, 0, 100_000)
    for n, name in enumerate(names):
        headers = [("before", None), (name, b"\xff"), ("after", b"")]
        builder.append(n, 1_000 + n, key, f"{offset + n}".encode(), headers)
    data = builder.build()
    data[: BASE_OFFSET.size] = BASE_OFFSET.pack(offset)
    data[ATTRIBUTES_AT + 1] |= attributes
    return with_checksum(data)


def with_checksum(data: bytearray) -> bytes:
    data[CRC_AT:ATTRIBUTES_AT] = struct.pack(">I", calc_crc32c(bytes(data[ATTRIBUTES_AT:])))
    return bytes(data)


def reader(
    data: bytes,
    start: int = 0,
    isolation: int = READ_COMMITTED,
    aborted: list[tuple[int, int]] | None = None,
) -> Any:
    kept = KeptRecords(data)
    return TolerantRecords(PLACE, kept, aborted, start, None, None, True, isolation)


def read(records: Iterator[Any]) -> list[Record]:
    return [as_record(found) for found in records]


def offsets(records: Iterator[Any]) -> list[int]:
    return [record.offset for record in read(records)]


@pytest.mark.parametrize("codec", range(5), ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_the_record_and_its_neighbours_come_out_whole(codec: int) -> None:
    key = b"key" * 100
    data = batch(7, SOUND, UNSOUND, SOUND, codec=codec, key=key)
    records = reader(data, start=7)

    before, bad, after = read(records)

    assert [(r.offset, r.timestamp_ms) for r in (before, bad, after)] == [
        (7, 1_000),
        (8, 1_001),
        (9, 1_002),
    ]
    assert data[ATTRIBUTES_AT + 1] == codec
    assert (bad.key, bad.value) == (key, b"8")
    assert list(bad.headers) == [("before", None), ("id\\xff\\xe9", b"\xff"), ("after", b"")]
    assert bad.unreadable_names == ("id\\xff\\xe9",)
    for sound in (before, after):
        assert (sound.headers[1], sound.unreadable_names) == (("trace", b"\xff"), ())
    assert records.next_fetch_offset == 10


def test_a_batch_of_sound_names_is_read_by_the_fast_parser_alone() -> None:
    records = reader(batch(0, SOUND, "größe", "id\\xff"))

    found = [next(records) for _ in range(3)]

    assert not isinstance(records._records, RereadRecords)
    assert [as_record(record).unreadable_names for record in found] == [()] * 3


@pytest.mark.parametrize("start", range(5))
def test_reading_on_inside_a_batch_gives_nothing_twice(start: int) -> None:
    data = batch(0, SOUND, UNSOUND, UNSOUND, SOUND) + batch(4, SOUND)

    assert offsets(reader(data, start)) == list(range(start, 5))


def test_the_position_moves_record_by_record_so_that_a_full_poll_goes_on_where_it_stopped() -> None:
    records = reader(batch(0, SOUND, UNSOUND, SOUND) + batch(3, UNSOUND, SOUND))

    positions = [(record.offset, records.next_fetch_offset) for record in records]

    assert positions == [(n, n + 1) for n in range(5)]


def test_batches_before_and_after_are_read_and_gaps_of_compaction_are_kept() -> None:
    data = batch(0, SOUND) + batch(4, UNSOUND) + batch(6, SOUND, SOUND) + batch(9, UNSOUND)
    records = reader(data)

    assert offsets(records) == [0, 4, 6, 7, 9]
    assert records.next_fetch_offset == 10


def test_aborted_records_stay_unseen_whatever_their_headers_are_called() -> None:
    ours, theirs = 5, 6
    data = (
        batch(0, UNSOUND, producer=theirs)
        + batch(1, UNSOUND, SOUND, producer=ours)
        + batch(3, SOUND, producer=ours, attributes=CONTROL, key=ABORT_KEY)
        + batch(4, SOUND, UNSOUND, producer=ours)
        + batch(6, UNSOUND, producer=theirs)
        + batch(7, SOUND, producer=theirs, attributes=CONTROL, key=ABORT_KEY)
    )

    committed = reader(data, aborted=[(ours, 1), (theirs, 6)])
    everything = reader(data, isolation=READ_UNCOMMITTED)

    assert offsets(committed) == [0, 4, 5]
    assert committed.next_fetch_offset == 8
    assert offsets(everything) == [0, 1, 2, 4, 5, 6]


def test_the_time_of_the_log_counts_where_the_topic_says_so() -> None:
    found = read(reader(batch(0, SOUND, SOUND, UNSOUND, attributes=APPEND_TIME)))

    assert [record.timestamp_ms for record in found] == [1_002] * 3


def longer(data: bytes) -> bytes:
    return with_checksum(bytearray(data) + b"\0")


def cut(data: bytes) -> bytes:
    return with_checksum(bytearray(data[:-2]))


def with_length(data: bytes) -> bytes:
    return data[:8] + struct.pack(">i", len(data) - 12) + data[12:]


@pytest.mark.parametrize("broken", [longer, cut])
def test_a_batch_that_is_broken_in_another_way_too_still_fails(
    broken: Callable[[bytes], bytes],
) -> None:
    records = reader(with_length(broken(batch(0, UNSOUND, SOUND))))

    with pytest.raises(CorruptRecordException):
        list(records)


def test_a_wrong_checksum_still_fails() -> None:
    data = bytearray(batch(0, UNSOUND, SOUND))
    data[-1] ^= 1

    with pytest.raises(CorruptRecordException, match="CRC"):
        list(reader(bytes(data)))


def test_the_parser_in_plain_python_is_followed_by_the_same_second_reading() -> None:
    class PlainPython(KeptRecords):
        def next_batch(self) -> Any:
            super().next_batch()
            return BatchInPlainPython(self.data)

    kept = PlainPython(batch(0, SOUND, UNSOUND))

    found = TolerantRecords(PLACE, kept, None, 0, None, None, True, READ_COMMITTED)

    assert offsets(found) == [0, 1]


def test_aiokafka_reads_through_it_once_a_bus_is_made() -> None:
    read_any_header_name(aiokafka.__version__)

    assert (fetcher.MemoryRecords, fetcher.PartitionRecords) == (KeptRecords, TolerantRecords)


def test_a_version_of_aiokafka_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked) as refused:
        read_any_header_name("0.15.0")

    assert "0.15.0" in refused.value.what
