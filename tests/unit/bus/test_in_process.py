"""The in-process bus keeps every promise of a bus, and dies as a process dies."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import OffsetCommit, TopicSpec
from handrail.errors import (
    BrokerUnreachable,
    CommitDoubtful,
    MembershipRefused,
    ProducerFenced,
)
from handrail.wire.record import TopicPartition
from tests.promises.bus import (
    BusPromises,
    Connect,
    committed_values,
    lane,
    made,
    values,
)
from tests.promises.groups import GroupPromises, Listener, until


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broker(clock: Clock) -> InProcessBroker:
    return InProcessBroker(clock.now_ms)


@pytest.fixture
async def connect(broker: InProcessBroker) -> AsyncIterator[Connect]:
    made_here: list[InProcessBus] = []

    async def one_more() -> InProcessBus:
        made_here.append(InProcessBus(broker))
        await made_here[-1].start()
        return made_here[-1]

    yield one_more
    for bus in made_here:
        await bus.close()


class TestTheInProcessBus(BusPromises, GroupPromises):
    pass


async def killed_while_committing(bus: InProcessBus, topic: str) -> None:
    """Commit a record and an offset, and kill the process before the transaction is decided."""
    producer = await lane(bus, topic)
    commit = OffsetCommit(topic, TopicPartition(topic, 0), 9, "")
    task = asyncio.create_task(producer.commit(values(topic, "lost"), commit))
    await asyncio.sleep(0)
    bus.kill()
    await asyncio.wait([task], timeout=0.01)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_transaction_cut_by_a_kill_holds_readers_until_the_next_init(
    broker: InProcessBroker, connect: Connect
) -> None:
    dying, bus = InProcessBus(broker), await connect()
    topic = await made(bus)
    where = TopicPartition(topic, 0)
    await killed_while_committing(dying, topic)
    other = await lane(bus, "other")
    await other.commit(values(topic, "behind"))
    held = await bus.end_offset(where)

    await lane(bus, topic)

    assert held == 0
    assert await committed_values(bus, where) == [b"behind"]
    assert await bus.admin.committed(topic, topic) == {}


async def test_a_transaction_cut_by_a_kill_is_aborted_when_its_time_is_up(
    broker: InProcessBroker, clock: Clock, connect: Connect
) -> None:
    dying, bus = InProcessBus(broker), await connect()
    topic = await made(bus)
    where = TopicPartition(topic, 0)
    await killed_while_committing(dying, topic)
    tail = await bus.tail({where: 0})
    waiting = asyncio.create_task(tail.poll(timeout_s=5))
    await asyncio.sleep(0)

    clock.ms += 10_000
    broker.tick()

    assert await waiting == []
    assert await bus.end_offset(where) == 2
    assert await committed_values(bus, where) == []


async def test_a_kill_between_commit_and_return_leaves_the_record_written(
    broker: InProcessBroker, connect: Connect
) -> None:
    dying, bus = InProcessBus(broker), await connect()
    topic = await made(bus)
    producer = await lane(dying, topic)
    task = asyncio.create_task(producer.commit(values(topic, "written")))

    async with asyncio.timeout(20):
        while await bus.end_offset(TopicPartition(topic, 0)) == 0:  # noqa: ASYNC110 - the kill falls between two turns of the loop
            await asyncio.sleep(0)
    dying.kill()
    await asyncio.wait([task], timeout=0.01)

    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await committed_values(bus, TopicPartition(topic, 0)) == [b"written"]


@pytest.mark.parametrize("written", [True, False])
async def test_a_doubtful_commit_was_written_or_not_and_the_reader_finds_out(
    *, written: bool, broker: InProcessBroker, connect: Connect
) -> None:
    del broker
    bus = await connect()
    assert isinstance(bus, InProcessBus)
    topic = await made(bus)
    producer = await lane(bus, topic)
    bus.doubt_next_commit(topic, written=written)

    with pytest.raises(CommitDoubtful):
        await producer.commit(values(topic, "a"))

    with pytest.raises(ProducerFenced):
        await producer.commit(values(topic, "b"))
    await lane(bus, topic)
    expected = [b"a"] if written else []
    assert await committed_values(bus, TopicPartition(topic, 0)) == expected


async def test_a_killed_member_keeps_its_partitions_for_the_session_and_no_longer(
    broker: InProcessBroker, clock: Clock, connect: Connect
) -> None:
    dying, bus = InProcessBus(broker), await connect()
    topic = await made(bus, 2)
    one, two = Listener(), Listener()
    first = dying.group_consumer(topic, [topic], one)
    await first.start()
    await until(lambda: len(one.held) == 2, first)
    dying.kill()
    second = bus.group_consumer(topic, [topic], two)
    await second.start()
    await second.poll(timeout_s=0.02, records_max=1)
    before = two.held

    clock.ms += 10_000
    broker.tick()
    await until(lambda: len(two.held) == 2, second)

    assert before == frozenset()
    assert one.heard == ["assigned"]
    await dying.close()


async def test_a_member_that_is_cut_off_hears_that_it_lost_and_cannot_prove_itself(
    broker: InProcessBroker, clock: Clock, connect: Connect
) -> None:
    lonely = InProcessBus(broker)
    bus = await connect()
    topic = await made(bus)
    where = TopicPartition(topic, 0)
    listener = Listener()
    consumer = lonely.group_consumer(topic, [topic], listener)
    await consumer.start()
    await until(lambda: bool(listener.held), consumer)
    producer = await lane(lonely, topic)

    lonely.cut_off()
    with pytest.raises(CommitDoubtful):
        await producer.commit(values(topic, "a"))
    with pytest.raises(BrokerUnreachable):
        await lonely.end_offset(where)
    assert listener.membership is not None
    with pytest.raises(MembershipRefused):
        await consumer.prove_membership(listener.membership, where, deadline_s=1)
    clock.ms += 10_000
    broker.tick()
    await until(lambda: "lost" in listener.heard, consumer)
    lonely.reconnect()
    await until(lambda: bool(listener.held), consumer)

    assert listener.heard == ["assigned", "lost", "assigned"]
    await lonely.close()


async def test_a_member_that_never_lets_go_is_expelled_after_the_rebalance_time_out(
    broker: InProcessBroker, clock: Clock, connect: Connect
) -> None:
    bus, other = await connect(), await connect()
    topic = await made(bus)
    stuck, two = StuckListener(), Listener()
    first = bus.group_consumer(topic, [topic], stuck)
    await first.start()
    await until(lambda: bool(stuck.held), first)
    assert stuck.membership is not None
    first_id = stuck.membership.member_id
    second = other.group_consumer(topic, [topic], two)
    await second.start()
    await until(lambda: "revoked" in stuck.heard, second)

    clock.ms += 30_001
    broker.tick()
    await until(lambda: bool(two.held), second)

    stuck.let_go.set()
    await until(lambda: stuck.heard.count("assigned") > 1, first, second)

    assert first_id != stuck.membership.member_id
    assert not stuck.held & two.held


class StuckListener(Listener):
    """Does not return from a revocation until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append("revoked")
        await self.let_go.wait()


async def test_compaction_keeps_the_last_of_each_key_and_offsets_stay(
    broker: InProcessBroker, connect: Connect
) -> None:
    bus = await connect()
    topic = "compacted"
    await bus.admin.create([TopicSpec(topic, 1, settings={"cleanup.policy": "compact"})])
    where = TopicPartition(topic, 0)
    producer = await lane(bus, topic)
    await producer.commit(values(topic, "a", "b"))
    last = await producer.commit(values(topic, "a"))
    end = await bus.end_offset(where)

    broker.compact(topic)

    read = [r async for r in bus.fetch(where, 0, end)]
    assert [(r.key, r.offset) for r in read] == [(b"b", 1), (b"a", last[0])]


async def test_a_poll_returns_when_the_clock_is_moved(
    broker: InProcessBroker, connect: Connect
) -> None:
    bus = await connect()
    topic = await made(bus)
    tail = await bus.tail({TopicPartition(topic, 0): 0})
    waiting = asyncio.create_task(tail.poll(timeout_s=600))
    await asyncio.sleep(0)

    broker.tick()

    async with asyncio.timeout(20):
        assert await waiting == []
