"""An end of a transaction that is still on its way when the next one has begun.

The client sees its connection break and asks for the end again; the first request arrives after
that, in the middle of the next transaction of the same producer. Under the transaction protocol
that aiokafka 0.14 speaks the broker cannot tell them apart, and commits what is half written.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.kafka_producer import KafkaLaneProducer
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.chaos.kafka_frames import Api, Request
from handrail.chaos.proxy import Fate, KafkaProxy, Plan, Treatment
from handrail.errors import CommitDoubtful, HandrailError
from handrail.testing.accounting import read_all
from handrail.wire.record import Outgoing
from tests.waiting import until

RECORD_BYTES = 200_000  #: so that a transaction of two needs two requests
SETTLES_S = 1.0  #: within which the broker has dealt with the end that was late


class LetsOneEndLinger:
    """Keeps the first end back until the next transaction is half written."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.kept = False
        self.writes = 0

    def __call__(self, request: Request) -> Treatment:
        if request.commits and not self.kept:
            self.kept = True
            return Treatment(Fate.LINGER, until=self.gate)
        if request.api == Api.PRODUCE and self.kept:
            self.writes += 1
            if self.writes == 2:
                self.gate.set()
                return Treatment(Fate.DELAY, SETTLES_S)
        return Treatment(Fate.THROUGH)


class CountsNothing:
    """Stands where doubts are counted, and has none."""

    @property
    def doubts(self) -> int:
        return 0

    @doubts.setter
    def doubts(self, value: int) -> None: ...


@pytest.fixture
async def topic(bus: KafkaBus) -> str:
    name = f"l{uuid.uuid4().hex[:8]}.things"
    await bus.admin.create([TopicSpec(name, 1)])
    return name


@pytest.fixture
async def proxied(proxy: KafkaProxy) -> AsyncIterator[KafkaBus]:
    """A connection through the proxy, which lets one end linger unless it is told otherwise."""
    proxy.plan = LetsOneEndLinger()
    bus = KafkaBus(Connection(await proxy.start(), "PLAINTEXT"))
    await bus.start()
    yield bus
    await bus.close()


def things(topic: str, *names: str) -> list[Outgoing]:
    return [Outgoing(topic, name.encode(), os.urandom(RECORD_BYTES), (), 0) for name in names]


async def seen(bus: KafkaBus, topic: str) -> list[str]:
    return [(record.key or b"").decode() for record in await read_all(bus, topic)]


async def test_a_commit_whose_end_was_asked_for_twice_is_doubtful_and_nothing_is_torn(
    bus: KafkaBus, proxied: KafkaBus, topic: str
) -> None:
    first, second = proxied.lane_producer(topic), proxied.lane_producer(topic)
    await first.init(deadline_s=10)

    with pytest.raises(CommitDoubtful):
        await first.commit(things(topic, "one"))
    await first.close()
    await second.init(deadline_s=10)
    await second.commit(things(topic, "two", "three"))

    assert await seen(bus, topic) == ["one", "two", "three"]


async def test_without_the_count_of_doubts_the_same_end_tears_the_next_transaction(
    bus: KafkaBus, proxied: KafkaBus, topic: str
) -> None:
    producer = proxied.lane_producer(topic)
    assert isinstance(producer, KafkaLaneProducer)
    producer._exchange = CountsNothing()  # type: ignore[assignment]
    await producer.init(deadline_s=10)

    await producer.commit(things(topic, "one"))
    with pytest.raises(HandrailError):
        await producer.commit(things(topic, "two", "three"))

    assert await seen(bus, topic) == ["one", "two"], "half of it can be seen"


@pytest.mark.parametrize("arrives", ["before the successor", "after the successor"])
async def test_an_end_that_misses_our_deadline_is_doubtful_and_settled_by_the_successor(
    bus: KafkaBus, proxy: KafkaProxy, proxied: KafkaBus, topic: str, arrives: str
) -> None:
    gate, first, second = (
        asyncio.Event(),
        proxied.lane_producer(topic),
        proxied.lane_producer(topic),
    )
    proxy.plan = only_the_first_end(Treatment(Fate.DELAY, until=gate))
    await first.init(deadline_s=10)

    with pytest.raises(CommitDoubtful, match="did not end within"):
        await first.commit(things(topic, "one"), deadline_s=3.0)
    if arrives == "before the successor":
        gate.set()
        await until(lambda: seen(bus, topic), what="the late end is carried out")
    await first.close()
    await second.init(deadline_s=10)
    gate.set()
    await second.commit(things(topic, "two"))

    early = ["one"] if arrives == "before the successor" else []
    assert await seen(bus, topic) == [*early, "two"]


def only_the_first_end(treatment: Treatment) -> Plan:
    """Treat the first commit of a transaction so, and let all else through."""
    waiting = [treatment]

    def plan(request: Request) -> Treatment:
        return waiting.pop() if request.commits and waiting else Treatment(Fate.THROUGH)

    return plan
