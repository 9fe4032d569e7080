"""What a record takes in a request is never thought smaller than it is."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from handrail.bus.kafka_batches import size_of
from handrail.errors import HandrailError
from handrail.wire.limits import OWN_BYTES_MAX, RECORD_OVERHEAD_BYTES, REQUEST_BYTES_MAX
from handrail.wire.record import Outgoing
from handrail.wire.size import check_room, record_size
from tests.unit.wire.envelopes import record

headers = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary()))


@given(st.none() | st.binary(), st.none() | st.binary(max_size=20_000), headers)
def test_it_is_at_least_what_the_client_counts(
    key: bytes | None, value: bytes | None, found: list[tuple[str, bytes]]
) -> None:
    sent = Outgoing("t", key, value, tuple(found))

    assert (
        size_of(sent) <= record_size(sent) <= size_of(sent) + RECORD_OVERHEAD_BYTES + 6 * len(found)
    )


@pytest.mark.parametrize("count", [1, 100_000])
def test_a_batch_of_headers_alone_takes_no_more(count: int) -> None:
    sent = Outgoing("t", b"k", None, (("x", b"y" * (1_000_000 // count)),) * count)

    builder = DefaultRecordBatchBuilder(2, 0, 0, 0, 0, 0, 2_000_000)
    builder.append(0, 0, sent.key, sent.value, list(sent.headers))

    assert len(builder.build()) <= record_size(sent)


def test_room_ends_where_our_own_words_would_not_fit_any_more() -> None:
    empty = record((), b"", b"")
    room = REQUEST_BYTES_MAX - OWN_BYTES_MAX - record_size(empty) - 4 * 36

    check_room(record((), b"x" * room, b""))
    with pytest.raises(HandrailError, match="too large: record of"):
        check_room(record((), b"x" * (room + 1), b""))
    with pytest.raises(HandrailError, match="too large: record of"):
        check_room(record((("h", b"x" * (room - 6)),), b"", b""))
    with pytest.raises(HandrailError, match="too large: record of"):
        check_room(record((), b"", b"x" * (room // 4 + 37)))
