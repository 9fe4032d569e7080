"""An event survives its bytes, and no record on the ledger can stop a reader."""

import string
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.ledger.event import Event, Finished, RedriveRefused, Wrote, event_id, summary
from handrail.ledger.event_record import UnknownEvent, decode, encode
from handrail.ledger.rail_event import ActRefused
from handrail.wire.record import Record
from tests.unit.ledger.test_task_state import STATES
from tests.unit.ledger.told import TASK, Story, as_record

CALLS_COUNT_MAX = 60  #: of Python's and of C's functions
EVENTS = [event for _, _, story in STATES.values() for event in story]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_is_encoded_is_decoded(event: Event) -> None:
    assert decode(as_record(event, 7)) == event


def test_an_event_is_a_cloud_event_under_the_id_of_its_task() -> None:
    out = encode(Story(start_ms=1_790_000_000_123).accepted(), "ns.ledger")

    assert (out.topic, out.key, out.partition) == ("ns.ledger", TASK.encode(), None)
    assert dict(out.headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"handrail_accepted.v1",
        "ce_source": b"handrail/ledger",
        "ce_id": b"accepted/s1",
        "ce_time": b"2026-09-21T14:13:21.123Z",
        "ce_tenant": b"default",
        "content-type": b"application/json",
    }


def test_the_same_event_said_twice_has_one_id_and_different_ones_differ() -> None:
    story = Story()

    first, again = (dict(encode(story.accepted(), "l").headers)["ce_id"] for _ in range(2))
    other = dict(encode(story.finished(), "l").headers)["ce_id"]

    assert first == again != other


def test_what_lanes_of_two_priorities_refuse_has_two_names() -> None:
    names = [
        event_id(
            RedriveRefused(
                task_id="t",
                tenant="default",
                time_ms=1,
                agent="clerk",
                topic=inbox,
                partition=0,
                offset=-1,
                by="ann",
                sentence="",
                dead=3,
                answer=7,
            )
        )
        for inbox in ("orders", "orders.high")
    ]

    assert names == ["redriverefused/clerk/0/7", "redriverefused/clerk.high/0/7"]


def refused(**more: Any) -> ActRefused:
    return ActRefused(
        task_id="t",
        tenant="default",
        time_ms=1,
        agent="clerk",
        invocation="i",
        step="1",
        tool="pay",
        state="approval_expired",
        title="",
        detail="",
        remedy="",
        retry="after_approval",
        trace="i",
        **more,
    )


def test_what_is_refused_again_after_it_was_sent_back_and_asked_anew_has_another_name() -> None:
    names = [event_id(refused(request=one)) for one in (None, "i/1.a0/1", "i/1.a0/2")]

    assert names == ["actrefused/i/0/1/1", "actrefused/i/1.a0/1", "actrefused/i/1.a0/2"]


def test_a_refused_act_that_an_earlier_version_told_of_is_read() -> None:
    event = refused()
    record = as_record(event, 0)
    older = (record.value or b"").replace(b',"request":null,"by":null', b"")

    assert older != record.value
    assert decode(replace(record, value=older)) == event


def test_a_reference_that_is_no_utf_8_survives() -> None:
    reference = b"invoice-\xff".decode("utf-8", "surrogateescape")
    event = Story().accepted(reference=reference)

    assert decode(as_record(event, 0)) == event


@given(st.text(), st.text())
def test_any_text_survives(text: str, reference: str) -> None:
    event = Story().accepted(text=text, reference=reference)

    assert decode(as_record(event, 0)) == event


@given(
    st.binary(max_size=60) | st.none(),
    st.sampled_from([None, b"handrail_finished.v1", b"handrail_finished.v9", b"\xff"]),
    st.binary(max_size=20) | st.none(),
)
def test_garbage_is_unknown_and_never_an_error(
    value: bytes | None, kind: bytes | None, key: bytes | None
) -> None:
    headers = () if kind is None else (("ce_type", kind),)

    assert isinstance(decode(Record("ns.ledger", 0, 0, 0, key, value, headers)), UnknownEvent)


def test_deeply_nested_json_is_unknown() -> None:
    value = b"[" * 200_000 + b"]" * 200_000
    record = Record("l", 0, 0, 0, b"k", value, (("ce_type", b"handrail_finished.v1"),))

    assert isinstance(decode(record), UnknownEvent)


def test_an_event_of_another_task_than_its_key_says_is_unknown() -> None:
    record = replace(as_record(Story().accepted(), 0), key=b"another")

    assert decode(record) == UnknownEvent(
        "its key is not the id of its task", "handrail_accepted.v1"
    )


def test_a_field_that_a_later_version_adds_is_ignored() -> None:
    event = Story().accepted()
    record = as_record(event, 0)
    longer = (record.value or b"")[:-1] + b',"colour":"red"}'

    assert decode(replace(record, value=longer)) == event


def test_a_summary_is_one_line_of_at_most_200_characters() -> None:
    assert summary("a\n  b\tc") == "a b c"
    assert summary("x" * 201) == "x" * 199 + "…"
    assert len(summary(string.printable * 50)) <= 200


def test_making_and_encoding_an_event_takes_few_calls() -> None:
    def once() -> None:
        event = Finished(
            task_id=TASK,
            tenant="default",
            time_ms=1_790_000_000_123,
            agent="researcher",
            topic="questions",
            partition=3,
            offset=1234,
            invocation=TASK,
            started_ms=1_790_000_000_100,
            wrote=(Wrote(TASK, "findings"),),
        )
        encode(event, "ns.ledger")

    once()  # what is remembered of a type is found out with the first event of it
    calls = 0

    def count(_: object, what: str, __: object) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    sys.setprofile(count)
    try:
        once()
    finally:
        sys.setprofile(None)

    # An event goes with every handoff; one that is looked at field by field takes hundreds.
    assert 10 < calls < CALLS_COUNT_MAX
