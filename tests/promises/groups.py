"""What every bus promises to the members of a group: run in process and on Apache Kafka."""

import asyncio
from collections.abc import Callable

import pytest

from handrail.bus.port import Bus, GroupConsumer, Membership, OffsetCommit
from handrail.errors import MembershipRefused
from handrail.wire.record import Record, TopicPartition
from tests.promises.bus import DEADLINE_S, Connect, lane, made, values


class Listener:
    """Keeps what a consumer told it, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.membership: Membership | None = None
        self.held: frozenset[TopicPartition] = frozenset()
        self.at_assignment: Callable[[frozenset[TopicPartition]], None] = lambda _: None

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append("assigned")
        self.membership, self.held = membership, partitions
        self.at_assignment(partitions)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        assert partitions == self.held
        self.heard.append("revoked")
        self.held = frozenset()

    def on_lost(self) -> None:
        self.heard.append("lost")
        self.held = frozenset()


async def until(condition: Callable[[], bool], *polled: GroupConsumer) -> list[Record]:
    """Poll the consumers until the condition holds; give what they read on the way."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            for consumer in polled:
                records += await consumer.poll(timeout_s=0.02, records_max=100)
    return records


class GroupPromises:
    """Inherit it and give the fixture `connect`: each call is one connection to one broker."""

    @pytest.fixture
    async def bus(self, connect: Connect) -> Bus:
        return await connect()

    async def test_no_record_leaks_before_the_lane_seeks_and_resumes(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)
        offsets = await producer.commit(values(topic, "a", "b", "c"))
        listener = Listener()
        consumer = bus.group_consumer(topic, [topic], listener)

        await consumer.start()
        leaked = await until(lambda: bool(listener.held), consumer)
        for _ in range(5):
            leaked += await consumer.poll(timeout_s=0.05, records_max=100)
        consumer.seek(where, offsets[1])
        consumer.resume(where)
        read: list[Record] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(read) < 2:
                read += await consumer.poll(timeout_s=0.1, records_max=1)
        consumer.pause(where)
        await producer.commit(values(topic, "d"))

        assert leaked == []
        assert [r.value for r in read] == [b"b", b"c"]
        assert await consumer.poll(timeout_s=0.3, records_max=10) == []
        await consumer.close()

    async def test_members_share_partitions_and_those_that_can_stay_do(
        self, bus: Bus, connect: Connect
    ) -> None:
        topic = await made(bus, 6)
        everything = frozenset(TopicPartition(topic, p) for p in range(6))
        one, two = Listener(), Listener()
        first = bus.group_consumer(topic, [topic], one)
        await first.start()
        await until(lambda: one.held == everything, first)
        alone = one.membership
        second = (await connect()).group_consumer(topic, [topic], two)

        await second.start()
        await until(lambda: len(one.held) == 3 and len(two.held) == 3, first, second)

        assert one.held | two.held == everything
        assert one.heard == ["assigned", "revoked", "assigned"]
        assert alone is not None
        assert one.membership is not None
        assert one.membership.generation > alone.generation
        assert first.membership() == one.membership
        kept = two.held
        await first.close()
        await until(lambda: two.held == everything, second)
        assert kept <= two.held
        assert first.membership() is None
        await second.close()

    async def test_membership_is_proved_once_and_only_for_the_present(
        self, bus: Bus, connect: Connect
    ) -> None:
        topic, side = await made(bus, 2), await made(bus, 2)
        where = TopicPartition(side, 0)
        one, two = Listener(), Listener()
        first = bus.group_consumer(topic, [topic], one)
        await first.start()
        await until(lambda: len(one.held) == 2, first)
        old = one.membership
        assert old is not None
        await first.prove_membership(old, where, deadline_s=5)
        second = (await connect()).group_consumer(topic, [topic], two)
        await second.start()
        await until(lambda: len(one.held) == 1 and len(two.held) == 1, first, second)
        assert one.membership is not None
        stranger = one.membership._replace(member_id="stranger")

        await first.prove_membership(one.membership, where, deadline_s=5)
        for refused in (old, stranger):
            with pytest.raises(MembershipRefused):
                await first.prove_membership(refused, where, deadline_s=5)

        assert first.membership() == one.membership
        await first.close()
        await second.close()

    async def test_a_member_declared_dead_is_gone_at_once_and_hears_that_it_lost(
        self, bus: Bus, connect: Connect
    ) -> None:
        topic = await made(bus, 2)
        listener = Listener()
        consumer = bus.group_consumer(topic, [topic], listener)
        await consumer.start()
        await until(lambda: len(listener.held) == 2, consumer)
        gone = listener.membership
        assert gone is not None
        other = await connect()
        assert await other.admin.members(topic) == {gone.member_id: listener.held}

        await other.admin.remove_member(topic, gone.member_id)
        await other.admin.remove_member(topic, gone.member_id)

        assert gone.member_id not in await other.admin.members(topic)
        await until(lambda: listener.heard[1:] == ["lost", "assigned"], consumer)
        assert listener.membership is not None
        assert listener.membership.member_id != gone.member_id
        with pytest.raises(MembershipRefused):
            await consumer.prove_membership(gone, TopicPartition(topic, 0), deadline_s=5)
        await consumer.close()
        assert await other.admin.members(topic) == {}

    async def test_a_transactional_offset_passes_beside_a_live_group(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        listener = Listener()
        consumer = bus.group_consumer(topic, [topic], listener)
        await consumer.start()
        await until(lambda: bool(listener.held), consumer)
        producer = await lane(bus, topic)

        for offset in range(1, 6):
            await producer.commit([], OffsetCommit(topic, where, offset, str(offset)))

        await lane(bus, topic)
        assert (await bus.admin.committed(topic, topic))[0].metadata == "5"
        await consumer.close()
