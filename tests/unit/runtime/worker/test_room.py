"""Whatever record arrives, all that its lane may have to write of it fits into a request."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from handrail.bus.kafka_batches import size_of
from handrail.lane.bounds import LaneBounds
from handrail.lane.decision import LaneSettings, PartTaken
from handrail.lane.journal import encode_entry
from handrail.lane.lane import Lane
from handrail.runtime.worker.admission import (
    Forward,
    Pass,
    Refuse,
    Take,
    TakePart,
    Verdict,
    with_envelope,
)
from handrail.runtime.worker.outputs import EMPTY, Origin, marker
from handrail.wire.claim import Claim
from handrail.wire.codec import encode_headers
from handrail.wire.dead_letter import (
    DeadLetter,
    Failure,
    Reason,
    needs_body_claim,
    needs_key_claim,
)
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.limits import REQUEST_BYTES_MAX
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.unit.runtime.worker.test_admission import (
    NOW_MS,
    an_envelope,
    asker,
    gatherer,
    rules,
    verdict,
)

JOURNAL = TopicPartition("ns.gatherer.journal", 0)
CLAIM = Claim("a" * 64, 10**9, 10**4, 10**12)
PART = FanOutHeader("found", "f" * 36, 0, 2)

names = st.sampled_from(["", "x", "origin", "ce_subject", "ce_id"])
foreign_headers = st.lists(
    st.tuples(names, st.integers(0, 5_000), st.integers(1, 2_000)), max_size=3
)


def filled(record: Record, missing: int) -> Record:
    """Give the record with one more header, so that `missing` bytes are left of a request."""
    plain = Outgoing(record.topic, record.key, record.value, (*record.headers, ("filler", b"")))
    room = max(0, REQUEST_BYTES_MAX - size_of(plain) - missing)
    return replace(record, headers=(*record.headers, ("filler", b"x" * room)))


def written(record: Record, found: Verdict) -> list[Outgoing]:
    """Give every record that a lane may make of this one."""
    settings = LaneSettings("1" * 64, "found", None, LaneBounds())
    lane = Lane(settings, 0, None)
    lane.progress.admit(record.offset)
    match found:
        case Forward(_, outgoing):
            return [outgoing]
        case Take(envelope, mailbox, submission):
            held = with_envelope(record, envelope) if submission else record
            lane.take(held, envelope, mailbox, NOW_MS)
            rest = lane.tick(NOW_MS + 31_000).rest
            assert rest is not None
            return [encode_entry(rest.entries[0], JOURNAL), *letters(held), *told(envelope)]
        case TakePart(envelope, end, _):
            taken = lane.take_part(record, envelope, end, NOW_MS)
            entries = [encode_entry(taken.entry, JOURNAL)] if isinstance(taken, PartTaken) else []
            return [*entries, *letters(record), *told(envelope)]
        case Pass(envelope, _, _) | Refuse(envelope):
            return [*letters(record), *told(envelope)]
        case _:
            return []


def letters(record: Record) -> list[Outgoing]:
    words = "w" * 10_000
    failure = Failure(
        reason=Reason.SIZE,
        agent="a" * 100,
        agent_version="1",
        failed_ms=NOW_MS,
        exception_type="Error",
        exception_message=words,
        stack=words,
    )
    body_claim = CLAIM if needs_body_claim(record) else None
    key_claim = CLAIM if needs_key_claim(record) else None
    return [DeadLetter.of(record, failure, body_claim, key_claim).outgoing("ns.asker.dead")]


def told(envelope: Envelope) -> list[Outgoing]:
    """Give what tells the gather that this part is lost."""
    if not envelope.fan_outs:
        return []
    place = rules().place
    message = marker(asker, place, Origin(envelope.id, envelope, NOW_MS), EMPTY)
    headers = encode_headers(message.envelope)
    return [Outgoing("ns.found", message.key, message.body, headers)]


@given(
    body=st.integers(0, 1_100_000),
    key=st.none() | st.integers(0, 1_100_000) | st.integers(0, 2_000),
    id_size=st.integers(1, 4_000) | st.integers(3_600, 3_850),
    kind=st.sampled_from(["bare", "submitted", "handed on", "gathered"]),
    others=foreign_headers,
    missing=st.integers(-2_000, 40_000),
    home=st.integers(0, 1),
)
@example(700_000, 8, 36, "bare", [("origin", 1, 1)], 16_384 + 1_024, 1)
@example(2, None, 3_800, "handed on", [], 20_000, 0)
@example(2, None, 3_800, "gathered", [], 20_000, 0)
@example(2, 1_024, 3_000, "gathered", [], 17_000, 0)
@example(10, 300_000, 36, "bare", [], 30_000, 0)
@example(10, None, 3_700, "submitted", [], 30_000, 0)
@example(10, None, 3_700, "submitted", [], 30_000, 1)
def test_all_that_a_lane_may_write_of_a_record_fits(
    body: int,
    key: int | None,
    id_size: int,
    kind: str,
    others: list[tuple[str, int, int]],
    missing: int,
    home: int,
) -> None:
    handed = ("handed on", "gathered")
    envelope = an_envelope(id="i" * id_size, fan_outs=(PART,) if kind in handed else ())
    if kind == "submitted":
        envelope = envelope.but(causation_id=None, deadline_ms=None, reference="r" * 250)
    own = encode_headers_unchecked(envelope) if kind != "bare" else ()
    strange = tuple((name, b"y" * size) for name, size, count in others for _ in range(count))
    text = b'{"text":"' + b"x" * body + b'"}'
    bare = Record(
        "ns.asks", 0, 0, NOW_MS, None if key is None else b"k" * key, text, (*strange, *own)
    )
    record = filled(bare, missing)
    gathers = kind == "gathered"

    found = verdict(record, who=gatherer if gathers else asker, home=home)

    for sent in written(record, found):
        assert size_of(sent) <= REQUEST_BYTES_MAX


def encode_headers_unchecked(envelope: Envelope) -> tuple[tuple[str, bytes], ...]:
    """Give the headers of an envelope whose id may be longer than one of ours could be."""
    plain = encode_headers(envelope.but(id="i"))
    return tuple((n, envelope.id.encode() if n == "ce_id" else v) for n, v in plain)
