"""Headers and bodies survive the wire; garbage is refused in words and in bounded time."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors.wire import (
    BodyNotJson,
    EnvelopeInvalid,
    FanOutInvalid,
    TooDeep,
    TooLarge,
    WireError,
)
from handrail.wire import codec
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.limits import BODY_BYTES_MAX, HEADERS_BYTES_MAX, JSON_DEPTH_MAX
from tests.unit.wire.envelopes import SAMPLE, envelopes, record


@given(envelopes)
def test_an_envelope_comes_back_as_it_was_sent(envelope: Envelope) -> None:
    headers = codec.encode_headers(envelope)

    assert codec.decode_envelope(record(headers)) == envelope


def reason_of(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except WireError as error:
        return error.reason
    return None


header_names = st.sampled_from(sorted(codec.KNOWN_HEADERS)) | st.text(max_size=10)


@given(st.lists(st.tuples(header_names, st.binary(max_size=40)), max_size=30), st.binary())
def test_garbage_raises_a_wire_error_and_nothing_else(
    headers: list[tuple[str, bytes]], body: bytes
) -> None:
    whole = (*codec.encode_headers(SAMPLE), *headers)

    for attempt in (
        lambda: codec.decode_envelope(record(tuple(headers))),
        lambda: codec.decode_envelope(record(whole)),
        lambda: codec.decode_body(body),
    ):
        assert reason_of(attempt) in {None, *Reason}


def test_a_header_nobody_knows_is_ignored_and_the_last_of_one_name_counts() -> None:
    headers = (*codec.encode_headers(SAMPLE), ("x-strange", b"\xff"), ("ce_hop", b"3"))

    envelope = codec.decode_envelope(record(headers))

    assert envelope == SAMPLE.but(hop=3)


def test_a_message_without_time_gets_that_of_its_record() -> None:
    headers = tuple(h for h in codec.encode_headers(SAMPLE) if h[0] != "ce_time")

    assert codec.decode_envelope(record(headers)).time_ms == record().timestamp_ms


@pytest.mark.parametrize(
    "name", sorted({"ce_id", "ce_type", "ce_source", "ce_taskid", "ce_tenant"})
)
def test_each_required_header_is_missed_by_its_name(name: str) -> None:
    headers = tuple(h for h in codec.encode_headers(SAMPLE) if h[0] != name)

    with pytest.raises(EnvelopeInvalid, match=f"header {name} of"):
        codec.decode_envelope(record(headers))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-01-31T12:00:00"),
        ("ce_time", b"1969-12-31T23:59:59Z"),
        ("ce_deadline", b"0001-01-01T00:00:00+14:00"),
        ("ce_hop", b"-1"),
        ("ce_hop", b"9999999999"),
        ("ce_hop", "٣".encode()),
        ("ce_chain", b"{}"),
        ("ce_chain", b"[1]"),
        ("ce_subject", b"\xff\xfe"),
    ],
)
def test_an_unreadable_header_is_named(name: str, value: bytes) -> None:
    headers = (*codec.encode_headers(SAMPLE), (name, value))

    with pytest.raises(EnvelopeInvalid, match=f"header {name} of"):
        codec.decode_envelope(record(headers))


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20.123Z", 1_700_000_000_123),
        ("2023-11-14T23:13:20.123999+01:00", 1_700_000_000_123),
        ("2023-11-14 22:13:20Z", 1_700_000_000_000),
    ],
)
def test_times_of_other_writers_are_read(text: str, time_ms: int) -> None:
    assert codec.decode_time(text) == time_ms


FAN_OUT = FanOutHeader("findings", "5f3c2a10-0000-5000-8000-000000000009", 1, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_part", b"4"),
        ("ce_parts", b"257"),
        ("ce_part", b"1,2"),
        ("ce_gather", b""),
        ("ce_fanout", b","),
    ],
)
def test_fan_out_headers_that_contradict_one_another_are_refused(name: str, value: bytes) -> None:
    headers = codec.encode_headers(SAMPLE.but(fan_outs=(FAN_OUT,)))

    with pytest.raises(FanOutInvalid):
        codec.decode_envelope(record((*headers, (name, value))))


def test_a_fan_out_that_cannot_be_read_again_is_never_written() -> None:
    with pytest.raises(FanOutInvalid):
        codec.encode_headers(SAMPLE.but(fan_outs=(FanOutHeader("a,b", "id", 0, 1),)))


def test_what_is_too_large_or_has_no_id_is_never_written() -> None:
    with pytest.raises(TooLarge):
        codec.encode_headers(SAMPLE.but(reference="x" * HEADERS_BYTES_MAX))
    with pytest.raises(EnvelopeInvalid, match="ce_id"):
        codec.encode_headers(SAMPLE.but(id=""))
    with pytest.raises(EnvelopeInvalid, match="ce_subject"):
        codec.encode_headers(SAMPLE.but(reference="\ud800"))
    with pytest.raises(EnvelopeInvalid, match="ce_time"):
        codec.encode_headers(SAMPLE.but(time_ms=-1))


def test_attributes_over_their_bound_are_refused_and_foreign_headers_do_not_count() -> None:
    ours = codec.encode_headers(SAMPLE)

    with pytest.raises(TooLarge):
        codec.decode_envelope(record((*ours, ("ce_subject", b"x" * HEADERS_BYTES_MAX))))
    assert codec.decode_envelope(record((*ours, ("baggage", b"x" * HEADERS_BYTES_MAX)))) == SAMPLE


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "body",
    [
        nested(JSON_DEPTH_MAX),
        b"[" + b",".join([nested(JSON_DEPTH_MAX - 1)] * 100) + b"]",
        b'"' + b"[" * 1000 + b'"',
        b'"\\"' + b"[{" * 1000 + b'\\\\"',
        b'{"a":"' + b"\\\\" * 9 + b'","b":"' + b"[" * 100 + b'"}',
    ],
)
def test_what_is_flat_enough_is_read(body: bytes) -> None:
    codec.decode_body(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(JSON_DEPTH_MAX + 1),
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'["\\\\",' + nested(JSON_DEPTH_MAX) + b"]",
        b"[" * 900_000,
    ],
)
def test_what_is_nested_too_deeply_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(TooDeep):
        codec.decode_body(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.text(alphabet='[]{}"\\a', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=40,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(json_values, st.integers(55, 75))
def test_the_depth_is_counted_exactly(value: object, wrapped: int) -> None:
    body = b"[" * wrapped + codec.encode_body(value) + b"]" * wrapped

    if wrapped + depth_of(value) > JSON_DEPTH_MAX:
        with pytest.raises(TooDeep):
            codec.check_body(body)
    else:
        assert codec.check_body(body) is body


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900_000,
        b'"\\' * 400_000,
        b'{"a":' * 150_000,
        b'"\\"' * 300_000,
        b"[]" * 450_000,
    ],
)
def test_the_worst_body_is_judged_within_a_second(body: bytes) -> None:
    began = time.process_time()

    with pytest.raises(WireError):
        codec.decode_body(body)

    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff", b'"\xff"', b"NaN", b"Ada"])
def test_what_is_no_json_is_refused(body: bytes | None) -> None:
    with pytest.raises(BodyNotJson):
        codec.decode_body(body)


def test_a_body_over_its_bound_is_refused_on_both_ways() -> None:
    with pytest.raises(TooLarge):
        codec.check_body(b" " * (BODY_BYTES_MAX + 1))
    with pytest.raises(TooLarge):
        codec.encode_body("x" * BODY_BYTES_MAX)


def test_a_value_without_json_form_is_refused() -> None:
    with pytest.raises(BodyNotJson):
        codec.encode_body({"a": object()})


def test_a_plain_record_is_told_from_a_message() -> None:
    assert codec.is_foreign(record())
    assert not codec.is_foreign(record(codec.encode_headers(SAMPLE)))


def test_every_error_of_the_wire_names_a_reason_of_the_closed_set() -> None:
    errors: list[type[WireError]] = [
        WireError,
        *WireError.__subclasses__(),
        *TooLarge.__subclasses__(),
    ]

    assert {Reason(error.reason) for error in errors} == {
        Reason.DECODE,
        Reason.SIZE,
        Reason.SCHEMA,
        Reason.VALIDATION,
        Reason.FANOUT,
        Reason.HOP_LIMIT,
    }
