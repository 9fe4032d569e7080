"""Which inbox a submission is carried out from, where its topic has two."""

from dataclasses import replace

import pytest

from handrail import Topic, agent
from handrail.lane.references import SeenReferences
from handrail.runtime.worker.admission import AdmissionRules, Copy, Forward, Take, Verdict, judge
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.priority import REFERENCE_IS_NEW
from handrail.wire.record import Headers, Outgoing, Record

NOW_MS = 1_000_000
HOME = 3

asks = Topic("asks", carries=str, priorities=True)


@agent(reads=asks)
async def worker(text: str) -> None:
    del text


RULES = AdmissionRules(
    agent=worker,
    place=TeamPlace("ns", frozenset({"asks"}), None, {}, urgent=frozenset({"asks"})),
    tenant="default",
    deadline_ms_max=60_000,
    home_of=lambda _: HOME,
)


def foreign(topic: str, key: bytes | None = None, headers: Headers = ()) -> Record:
    return Record(topic, HOME, 5, NOW_MS, key, b'"text"', headers)


def ours(topic: str, priority: str | None, reference: str | None = None) -> Record:
    envelope = Envelope("i1", "str.v1", "s", NOW_MS, "t1", "default", reference, priority=priority)
    return foreign(topic, b"t1", encode_headers(envelope))


def verdict(record: Record, seen: SeenReferences | None = None) -> Verdict:
    return judge(record, RULES, SeenReferences() if seen is None else seen, NOW_MS)


def arrived(sent: Outgoing, partition: int = HOME) -> Record:
    return Record(sent.topic, partition, 9, NOW_MS, sent.key, sent.value, sent.headers)


def taken(record: Record, seen: SeenReferences | None = None) -> tuple[list[str], Take]:
    """Follow a submission until it is taken: over which topics, and as what."""
    path = [record.topic]
    found = verdict(record, seen)
    while isinstance(found, Forward):
        record = arrived(found.outgoing)
        path.append(record.topic)
        found = verdict(record, seen)
    assert isinstance(found, Take), found
    return path, found


@pytest.mark.parametrize(
    ("record", "path", "priority"),
    [
        (foreign("ns.asks"), ["ns.asks"], None),
        (foreign("ns.asks.high"), ["ns.asks.high"], "high"),
        (foreign("ns.asks", b"ref"), ["ns.asks", "ns.asks.high", "ns.asks"], None),
        (foreign("ns.asks.high", b"ref"), ["ns.asks.high"], "high"),
        (ours("ns.asks", None), ["ns.asks"], None),
        (ours("ns.asks", "normal"), ["ns.asks"], None),
        (ours("ns.asks", "at once"), ["ns.asks"], None),
        (ours("ns.asks", "high"), ["ns.asks", "ns.asks.high"], "high"),
        (ours("ns.asks.high", "normal", "r"), ["ns.asks.high", "ns.asks"], None),
        (ours("ns.asks.high", "high", "r"), ["ns.asks.high"], "high"),
        (ours("ns.asks", "high", "r"), ["ns.asks", "ns.asks.high"], "high"),
    ],
)
def test_it_is_carried_out_from_the_inbox_of_its_priority(
    record: Record, path: list[str], priority: str | None
) -> None:
    way, take = taken(record)

    assert way == path
    assert (take.submission, take.envelope.priority) == (True, priority)


@pytest.mark.parametrize("first", ["normal", "high"])
@pytest.mark.parametrize("then", ["normal", "high"])
def test_a_reference_is_known_whatever_priority_it_comes_with(first: str, then: str) -> None:
    seen = SeenReferences()
    taken(ours("ns.asks.high", first, "r"), seen)

    again = replace(
        ours("ns.asks.high", then, "r"),
        headers=encode_headers(
            Envelope("i2", "str.v1", "s", NOW_MS, "t1", "default", "r", priority=then)
        ),
    )

    assert isinstance(verdict(again, seen), Copy)


def test_it_is_sent_to_its_references_partition_of_the_second_inbox() -> None:
    off_home = replace(foreign("ns.asks.high", b"ref"), partition=0)

    found = verdict(off_home)

    assert isinstance(found, Forward)
    assert found.outgoing.topic == "ns.asks.high"
    assert found.outgoing.key == found.envelope.task_id.encode()


def test_what_has_passed_the_second_inbox_is_judged_alike_when_it_is_sent_back() -> None:
    _, take = taken(ours("ns.asks.high", "normal", "r"))
    dead = foreign(
        "ns.asks", b"t", (*encode_headers(take.envelope), REFERENCE_IS_NEW, ("own", b"1"))
    )

    assert isinstance(verdict(dead), Take)
