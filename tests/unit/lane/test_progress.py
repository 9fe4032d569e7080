"""Which offsets are finished, and the metadata that remembers it."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import OffsetMetadataBroken
from handrail.lane.bounds import SPAN_OFFSETS_MAX
from handrail.lane.progress import METADATA_BYTES_MAX, OffsetMetadata, Progress


def test_the_low_offset_waits_for_the_oldest_open_one() -> None:
    progress = Progress(low=5)
    for offset in (5, 6, 7):
        progress.admit(offset)

    low, done = progress.plan([6, 7])

    assert low == 5
    assert done == 0b110


def test_offsets_that_hold_no_record_count_as_finished() -> None:
    progress = Progress(low=0)
    progress.admit(0)
    progress.admit(4)

    low, done = progress.plan([])

    assert low == 0
    assert done == 0b01110


def test_nothing_open_means_that_everything_seen_is_finished() -> None:
    progress = Progress(low=3)
    progress.admit(3)
    progress.complete([3])

    assert progress.plan([]) == (4, 0)


def test_a_plan_changes_nothing_until_the_transaction_has_committed() -> None:
    progress = Progress(low=0)
    progress.admit(0)

    progress.plan([0])

    assert progress.is_open(0)
    assert progress.low == 0


def test_a_redelivered_offset_whose_bit_is_set_is_skipped() -> None:
    successor = Progress(low=10, done=0b101)

    admitted = [offset for offset in range(10, 14) if successor.admit(offset)]

    assert admitted == [11, 13]


def test_bits_beyond_what_the_successor_has_read_are_kept() -> None:
    successor = Progress(low=10, done=0b1010)
    successor.admit(10)

    low, done = successor.plan([10])

    assert (low, done) == (11, 0b101)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=300), st.integers(0, 300))
def test_a_successor_takes_in_exactly_what_was_not_finished(
    records: list[tuple[int, bool]], read_count: int
) -> None:
    offsets: list[int] = []
    at = 100
    for gap, _ in records:
        at += gap
        offsets.append(at)
    first = Progress(low=100)
    for offset in offsets[:read_count]:
        first.admit(offset)
    finished = [o for o, (_, done) in zip(offsets, records, strict=True) if done][:read_count]
    finished = [o for o in finished if o in offsets[:read_count]]

    low, done = first.plan(finished)
    meta = OffsetMetadata.decode(OffsetMetadata(0, 1, 0, done).encode())
    second = Progress(low, meta.done)
    again = [o for o in offsets if o >= low and second.admit(o)]

    assert again == [o for o in offsets if o not in finished]


@given(st.integers(0, 2**SPAN_OFFSETS_MAX - 1))
def test_any_bitmap_fits_into_the_broker_s_metadata(done: int) -> None:
    encoded = OffsetMetadata(2**40, 2**31, 2**40, done).encode()

    assert len(encoded) <= METADATA_BYTES_MAX
    assert OffsetMetadata.decode(encoded).done == done


@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"j":1}', '{"j":-1,"e":0,"c":0,"d":""}', "\ud800"]
)
def test_metadata_of_another_hand_is_refused_by_name(text: str) -> None:
    with pytest.raises(OffsetMetadataBroken, match="was not committed by Handrail"):
        OffsetMetadata.decode(text)


def test_a_gap_of_any_length_can_be_written_and_read_again() -> None:
    progress = Progress(low=0)
    progress.admit(0)
    progress.admit(500_000)

    low, done = progress.plan([500_000])
    encoded = OffsetMetadata(0, 1, 0, done).encode()

    assert low == 0
    assert len(encoded) <= METADATA_BYTES_MAX
    assert OffsetMetadata.decode(encoded).done == done


def test_metadata_that_unpacks_to_more_than_any_bitmap_is_refused() -> None:

    bomb = base64.b85encode(zlib.compress(b"\xff" * 4_000_000, 9)).decode()

    with pytest.raises(OffsetMetadataBroken):
        OffsetMetadata.decode(f'{{"j":0,"e":0,"c":0,"d":"{bomb}"}}')
