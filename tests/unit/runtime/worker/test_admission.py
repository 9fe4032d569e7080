"""Every record that arrives gets a verdict."""

from dataclasses import replace

import pytest
from pydantic import BaseModel

from handrail import Parts, Topic, agent
from handrail.lane.gather import PartEnd
from handrail.lane.references import REPEAT_WITHIN_MS, SeenReferences
from handrail.runtime.worker.admission import (
    AdmissionRules,
    Copy,
    Forward,
    Pass,
    Refuse,
    Take,
    TakePart,
    Verdict,
    judge,
)
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.codec import encode_headers
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import HOP_COUNT_MAX, Envelope, FanOutHeader
from handrail.wire.ids import id_of_foreign, task_id_of
from handrail.wire.marker import MARKER_TYPE, Marker, MarkerKind
from handrail.wire.record import Record

NOW_MS = 1_000_000
LATEST_MS = NOW_MS + 60_000


class Ask(BaseModel):
    text: str


asks = Topic("asks", carries=Ask)
answers_found = Topic("found", carries=Ask)


@agent(reads=asks, writes=answers_found)
async def asker(ask: Ask) -> Ask:
    return ask


@agent(reads=answers_found)
async def gatherer(parts: Parts[Ask]) -> None:
    del parts


def rules(who: object = asker, home: int = 0) -> AdmissionRules:
    return AdmissionRules(
        agent=who,  # type: ignore[arg-type]
        place=TeamPlace("ns", frozenset({"asks", "found"}), None, {}),
        tenant="default",
        deadline_ms_max=60_000,
        home_of=lambda _: home,
    )


def foreign(value: bytes | None, key: bytes | None = None, offset: int = 5) -> Record:
    return Record("ns.asks", 0, offset, NOW_MS, key, value)


def ours(envelope: Envelope, value: bytes = b'{"text":"?"}') -> Record:
    return Record("ns.asks", 0, 5, NOW_MS, b"k", value, encode_headers(envelope))


def an_envelope(**changes: object) -> Envelope:
    plain = Envelope(
        "i1", "ask.v1", "s", NOW_MS, "t1", "default", causation_id="c", deadline_ms=LATEST_MS
    )
    return plain.but(**changes)


def verdict(record: Record, seen: SeenReferences | None = None, **kw: object) -> Verdict:
    return judge(record, rules(**kw), SeenReferences() if seen is None else seen, NOW_MS)  # type: ignore[arg-type]


def test_a_bare_record_is_a_task_that_its_place_names() -> None:
    found = verdict(foreign(b'{"text":"why?"}'))

    assert isinstance(found, Take)
    assert found.submission
    own_id = id_of_foreign("ns.asks", 0, 5)
    assert (found.envelope.id, found.envelope.task_id) == (own_id, own_id)
    assert found.envelope.type == "ask.v1"
    assert found.envelope.deadline_ms == LATEST_MS


def test_the_key_of_a_bare_record_is_its_reference() -> None:
    found = verdict(foreign(b'{"text":"why?"}', b"invoice-7"))

    assert isinstance(found, Take)
    assert found.envelope.reference == "invoice-7"
    assert found.envelope.task_id == task_id_of("default", "invoice-7")


def test_a_record_off_the_home_partition_of_its_reference_is_forwarded_as_it_is() -> None:
    found = verdict(foreign(b'{"text":"why?"}', b"invoice-7"), home=3)

    assert isinstance(found, Forward)
    assert found.outgoing.key == task_id_of("default", "invoice-7").encode()
    assert found.outgoing.value == b'{"text":"why?"}'
    forwarded = replace(foreign(None), headers=found.outgoing.headers, partition=3)
    forwarded = replace(forwarded, key=found.outgoing.key, value=found.outgoing.value)
    arrived = verdict(forwarded, home=3)
    assert isinstance(arrived, Take)
    assert arrived.envelope.id == id_of_foreign("ns.asks", 0, 5)


def test_the_same_reference_within_a_day_is_the_same_task_and_later_a_new_one() -> None:
    seen = SeenReferences()
    body = b'{"text":"why?"}'

    first = verdict(foreign(body, b"r", 1), seen)
    again = verdict(foreign(body, b"r", 2), seen)
    redelivered = verdict(foreign(body, b"r", 1), seen)
    much_later = replace(foreign(body, b"r", 3), timestamp_ms=NOW_MS + REPEAT_WITHIN_MS)

    assert isinstance(first, Take)
    assert isinstance(again, Copy)
    assert isinstance(redelivered, Take)
    assert isinstance(verdict(much_later, seen), Take)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, Reason.DECODE),
        (b"", Reason.DECODE),
        (b"\xff\xfe", Reason.DECODE),
        (b"[]", Reason.VALIDATION),
        (b'{"text":7}', Reason.VALIDATION),
        (b"[" * 100 + b"]" * 100, Reason.SIZE),
        (b'"' + b"x" * 930_000 + b'"', Reason.SIZE),
    ],
)
def test_a_bare_record_that_is_no_message_is_refused_with_its_reason(
    body: bytes | None, reason: Reason
) -> None:
    found = verdict(foreign(body, b"mine"))

    assert isinstance(found, Refuse)
    assert found.reason is reason
    assert found.submission
    assert found.envelope.reference == "mine"


@pytest.mark.parametrize("key", [b"\xff", b"x" * 2_000])
def test_a_key_that_cannot_be_a_reference_is_none(key: bytes) -> None:
    found = verdict(foreign(b'{"text":"why?"}', key))

    assert isinstance(found, Take)
    assert found.envelope.reference is None


def test_what_a_submitter_says_of_tenant_hop_and_label_is_not_believed() -> None:
    claimed = an_envelope(
        causation_id=None,
        tenant="somebody-else",
        hop=7,
        label="system",
        deadline_ms=LATEST_MS + 9_999_999,
        fan_outs=(FanOutHeader("found", "f", 0, 1),),
    )

    found = verdict(ours(claimed))

    assert isinstance(found, Take)
    envelope = found.envelope
    assert (envelope.tenant, envelope.hop, envelope.label) == ("default", 0, "user tenant")
    assert envelope.fan_outs == ()
    assert envelope.deadline_ms == LATEST_MS


def test_a_handoff_that_has_gone_too_far_is_refused() -> None:
    assert isinstance(verdict(ours(an_envelope(hop=HOP_COUNT_MAX))), Take)

    found = verdict(ours(an_envelope(hop=HOP_COUNT_MAX + 1)))

    assert isinstance(found, Refuse)
    assert found.reason is Reason.HOP_LIMIT
    assert not found.submission


def test_a_handoff_past_its_deadline_is_refused() -> None:
    found = verdict(ours(an_envelope(deadline_ms=NOW_MS - 1)))

    assert isinstance(found, Refuse)
    assert found.reason is Reason.DEADLINE


def test_a_marker_passes_an_agent_that_does_not_gather() -> None:
    header = FanOutHeader("found", "f", 0, 2)
    record = ours(
        an_envelope(type=MARKER_TYPE, fan_outs=(header,)), Marker(MarkerKind.EMPTY).encode()
    )

    found = verdict(record)

    assert isinstance(found, Pass)
    assert found.gather == "found"


def test_a_gathering_agent_takes_messages_and_markers_as_parts() -> None:
    header = FanOutHeader("found", "f", 0, 2)
    lost = Marker(MarkerKind.LOST, "attempts", "ns.x.dead/0/3").encode()

    message = verdict(ours(an_envelope(fan_outs=(header,))), who=gatherer)
    marker = verdict(ours(an_envelope(type=MARKER_TYPE, fan_outs=(header,)), lost), who=gatherer)

    assert isinstance(message, TakePart)
    assert message.end is PartEnd.MESSAGE
    assert isinstance(marker, TakePart)
    assert (marker.end, marker.sentence) == (PartEnd.LOST, "attempts")


def test_a_part_that_cannot_be_read_is_refused() -> None:
    header = FanOutHeader("found", "f", 0, 2)

    found = verdict(ours(an_envelope(fan_outs=(header,)), b'{"text":7}'), who=gatherer)

    assert isinstance(found, Refuse)
    assert found.reason is Reason.VALIDATION


def test_a_marker_that_cannot_be_read_is_refused() -> None:
    header = FanOutHeader("found", "f", 0, 2)

    found = verdict(ours(an_envelope(type=MARKER_TYPE, fan_outs=(header,)), b"{"))

    assert isinstance(found, Refuse)
    assert found.reason is Reason.DECODE


@pytest.mark.parametrize(
    ("record", "who", "submission"),
    [
        (foreign(b'{"text":"?"}', b"invoice-7"), asker, True),
        (ours(an_envelope(causation_id=None)), asker, True),
        (ours(an_envelope()), asker, False),
        (ours(an_envelope(fan_outs=(FanOutHeader("found", "f", 0, 2),))), gatherer, False),
    ],
    ids=["foreign", "submission", "handoff", "part"],
)
def test_a_header_whose_name_is_no_text_is_refused_whoever_wrote_it(
    record: Record, who: object, *, submission: bool
) -> None:
    name = "\\xff" + "x" * 1_000
    odd = replace(record, headers=(*record.headers, (name, b"1")), unreadable_names=(name,))

    found = verdict(odd, who=who)

    assert isinstance(found, Refuse)
    assert (found.reason, found.submission) == (Reason.DECODE, submission)
    assert "\\xffx" in found.error.what
    assert "not UTF-8" in str(found.error)
    assert len(str(found.error)) < 400
    taken = verdict(record, who=who)
    assert not isinstance(taken, Refuse)
    assert found.envelope.fan_outs == taken.envelope.fan_outs
    assert found.envelope.task_id == taken.envelope.task_id
