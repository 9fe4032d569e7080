"""A dead letter keeps what died byte for byte, and says why within 8 KiB."""

import contextlib
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors.wire import BodyNotJson, EnvelopeInvalid, WireError
from handrail.wire import codec
from handrail.wire.claim import Claim
from handrail.wire.dead_letter import (
    DeadLetter,
    Failure,
    Reason,
    needs_body_claim,
    needs_key_claim,
)
from handrail.wire.limits import (
    BODY_BYTES_MAX,
    DLQ_BODY_HEAD_BYTES,
    DLQ_HEADERS_BYTES_MAX,
    DLQ_KEY_HEAD_BYTES,
    DLQ_STACK_BYTES_MAX,
    DLQ_STACK_BYTES_MIN,
)
from handrail.wire.record import Headers, Outgoing, Record
from handrail.wire.size import record_size
from tests.unit.wire.envelopes import SAMPLE, record

FAILURE = Failure(
    reason=Reason.ATTEMPTS,
    agent="researcher",
    agent_version="1",
    failed_ms=1_700_000_001_000,
    first_failed_ms=1_700_000_000_500,
    attempts=1,
    exception_type="ValueError",
    exception_message="no such shelf",
    stack="Traceback (most recent call last):\n  ...\nValueError: no such shelf\n",
)
CLAIM = Claim("a" * 64, 1_000_000, 3, 9)

LISTED = """
    dlq.original-topic dlq.original-partition dlq.original-offset dlq.original-timestamp dlq.reason
    dlq.exception-type dlq.exception-message dlq.exception-stack dlq.attempts dlq.first-failed-at
    dlq.last-failed-at dlq.agent dlq.agent-version dlq.step dlq.cost dlq.journal dlq.payload-sha256
    dlq.redrive dlq.task
    kafka_dlt-original-topic kafka_dlt-original-partition kafka_dlt-original-offset
""".split()


def read_back(sent: Outgoing) -> Record:
    return Record(sent.topic, sent.partition or 0, 5, 0, sent.key, sent.value, sent.headers)


def size_of(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value) for name, value in headers)


def test_key_partition_and_bytes_are_those_of_the_original() -> None:
    died = record(codec.encode_headers(SAMPLE), b"\xff\x00not json", b"\xfekey")

    sent = DeadLetter.of(died, FAILURE).outgoing("handrail.researcher.dead")

    assert (sent.key, sent.value, sent.partition) == (b"\xfekey", b"\xff\x00not json", 3)
    assert DeadLetter.from_record(read_back(sent)).original() == died


def test_every_listed_header_is_there_once_when_its_fact_is_known() -> None:
    failure = replace(FAILURE, step="3", cost="0.02 USD", journal=CLAIM, task="t1")

    sent = DeadLetter.of(record(codec.encode_headers(SAMPLE)), failure).outgoing("dead")

    names = [name for name, _ in sent.headers if name.startswith(("dlq.", "kafka_dlt-"))]
    assert sorted(names) == sorted(LISTED)
    assert {"traceparent": b"", **dict(sent.headers)}["ce_id"] == SAMPLE.id.encode()


def test_springs_tools_find_partition_and_offset_as_integers() -> None:
    headers = dict(DeadLetter.of(record(), FAILURE).outgoing("dead").headers)

    assert headers["kafka_dlt-original-topic"] == b"handrail.questions"
    assert headers["kafka_dlt-original-partition"] == b"\x00\x00\x00\x03"
    assert headers["kafka_dlt-original-offset"] == b"\x00\x00\x00\x00\x00\x00\x00\x2a"


def test_a_letter_that_dies_twice_has_its_headers_replaced_not_appended() -> None:
    first = DeadLetter.of(record(codec.encode_headers(SAMPLE)), FAILURE).outgoing("dead")

    again = DeadLetter.of(read_back(first), replace(FAILURE, redrive=1)).outgoing("dead")

    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names))
    assert dict(again.headers)["dlq.redrive"] == b"1"
    assert dict(again.headers)["dlq.original-topic"] == b"dead"


def test_the_end_of_a_long_stack_is_kept_within_its_bound() -> None:
    failure = replace(FAILURE, stack="ä" * 10_000 + "ValueError: the cause")

    sent = DeadLetter.of(record(), failure).outgoing("dead")

    stack = dict(sent.headers)["dlq.exception-stack"]
    assert len(stack) <= DLQ_STACK_BYTES_MAX
    assert stack.decode().endswith("ValueError: the cause")


long = st.text(max_size=4_000) | st.text("ä\ud800x", min_size=3_000, max_size=5_000)


@given(
    st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=9_000)), max_size=8),
    st.builds(
        Failure,
        reason=st.sampled_from(Reason),
        agent=long,
        agent_version=long,
        failed_ms=st.integers(0, codec.TIME_MS_MAX),
        exception_type=st.none() | long,
        exception_message=st.none() | long,
        stack=st.none() | long,
        step=st.none() | long,
        cost=st.none() | long,
        journal=st.none() | st.just(CLAIM),
        task=st.none() | long,
    ),
)
def test_headers_never_take_more_than_their_bound_and_can_be_read_back(
    headers: list[tuple[str, bytes]], failure: Failure
) -> None:
    letter = DeadLetter.of(record((*codec.encode_headers(SAMPLE), *headers)), failure, CLAIM)

    sent = letter.outgoing("dead")

    assert size_of(sent.headers) <= DLQ_HEADERS_BYTES_MAX
    found = DeadLetter.from_record(read_back(sent))
    assert (found.failure.reason, found.where, found.claim) == (failure.reason, letter.where, CLAIM)
    assert set(codec.encode_headers(SAMPLE)) <= set(found.headers)


def test_foreign_headers_that_do_not_fit_are_counted_and_the_stack_keeps_some_room() -> None:
    strange = (("baggage", b"x" * 9_000), ("x-small", b"1"))
    died = record((*codec.encode_headers(SAMPLE), *strange))

    sent = DeadLetter.of(died, replace(FAILURE, stack="s" * 4_096)).outgoing("dead")

    headers = dict(sent.headers)
    assert headers["dlq.headers-left-out"] == b"1"
    assert headers["x-small"] == b"1"
    assert len(headers["dlq.exception-stack"]) >= DLQ_STACK_BYTES_MIN


def test_our_attributes_are_kept_before_any_foreign_header() -> None:
    many = tuple((f"x-{i}", b"1" * 20) for i in range(400))
    ours = codec.encode_headers(SAMPLE.but(label="l" * 1_000))

    sent = DeadLetter.of(record((*many, *ours)), FAILURE).outgoing("dead")

    assert set(ours) <= set(sent.headers)


def test_a_body_that_would_not_fit_leaves_its_head_and_a_claim() -> None:
    body = bytes(i % 256 for i in range(BODY_BYTES_MAX))
    died = record((), body)
    claim = Claim(hashlib.sha256(body).hexdigest(), len(body), 1, 2)

    sent = DeadLetter.of(died, FAILURE, claim).outgoing("dead")

    assert needs_body_claim(died)
    assert not needs_body_claim(record((), b"x" * 800_000))
    assert sent.value == body[:DLQ_BODY_HEAD_BYTES]
    found = DeadLetter.from_record(read_back(sent))
    assert found.claim == claim
    assert found.payload_sha256 == claim.sha256


def test_a_key_that_would_not_fit_leaves_its_head_and_a_claim() -> None:
    key = b"k" * 1_000_000
    died = record((), b"x" * 40_000, key)
    claim = Claim(hashlib.sha256(key).hexdigest(), len(key), 1, 2)

    sent = DeadLetter.of(died, FAILURE, None, claim).outgoing("dead")

    assert needs_key_claim(died)
    assert not needs_key_claim(record((), b"", b"k" * DLQ_KEY_HEAD_BYTES))
    assert not needs_body_claim(died)
    assert (sent.key, sent.value) == (key[:DLQ_KEY_HEAD_BYTES], died.value)
    assert DeadLetter.from_record(read_back(sent)).key_claim == claim


def test_headers_of_no_name_and_no_value_are_bounded_too() -> None:
    died = record((("", b""),) * 200_000)

    sent = DeadLetter.of(died, FAILURE).outgoing("dead")

    assert record_size(sent) <= 2 * DLQ_HEADERS_BYTES_MAX


def test_a_record_without_key_and_body_dies_as_well() -> None:
    died = record((), None, None)

    sent = DeadLetter.of(died, FAILURE).outgoing("dead")

    # No client can send a record without both.
    assert (sent.key, sent.value) == (None, b"")
    assert DeadLetter.from_record(read_back(sent)).original() == died


def test_an_error_of_the_wire_brings_its_reason_and_any_other_counts_as_an_attempt() -> None:
    def failure_of(error: Exception) -> Failure:
        return Failure.of(error, agent="a", agent_version="1", failed_ms=1)

    assert failure_of(BodyNotJson(detail="x")).reason is Reason.DECODE
    assert failure_of(ValueError("x")).reason is Reason.ATTEMPTS
    assert failure_of(ValueError("x")).exception_type == "builtins.ValueError"
    assert "ValueError: x" in (failure_of(ValueError("x")).stack or "")


@given(st.lists(st.tuples(st.sampled_from([*LISTED, "dlq.claim"]), st.binary(max_size=40))))
def test_a_record_that_is_no_dead_letter_is_refused(headers: list[tuple[str, bytes]]) -> None:
    whole = DeadLetter.of(record(), FAILURE).outgoing("dead").headers

    for forged in (tuple(headers), (*whole, *headers)):
        with contextlib.suppress(WireError):
            assert DeadLetter.from_record(record(forged)).failure.reason in Reason


def test_a_plain_record_is_no_dead_letter() -> None:
    with pytest.raises(EnvelopeInvalid, match=r"dlq\."):
        DeadLetter.from_record(record())
