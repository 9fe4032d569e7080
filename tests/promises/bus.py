"""What every bus promises, in one body: run on the in-process bus and on Apache Kafka."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from handrail.bus.port import (
    Bus,
    GroupConsumer,
    LaneProducer,
    Membership,
    OffsetCommit,
    TopicSpec,
)
from handrail.errors import CommitDoubtful, MembershipRefused, ProducerFenced, RecordRefused
from handrail.wire.record import Outgoing, Record, TopicPartition

Connect = Callable[[], Awaitable[Bus]]
DEADLINE_S = 20.0


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


async def made(bus: Bus, partitions: int = 1, **settings: str) -> str:
    name = f"t{uuid.uuid4().hex[:12]}"
    await bus.admin.create([TopicSpec(name, partitions, settings=settings)])
    return name


async def lane(bus: Bus, transactional_id: str) -> LaneProducer:
    producer = bus.lane_producer(transactional_id)
    await producer.init(deadline_s=DEADLINE_S)
    return producer


def values(topic: str, *texts: str, partition: int = 0) -> list[Outgoing]:
    return [Outgoing(topic, t.encode(), t.encode(), partition=partition) for t in texts]


async def committed_values(bus: Bus, where: TopicPartition) -> list[bytes | None]:
    end = await bus.end_offset(where)
    return [record.value async for record in bus.fetch(where, 0, end)]


class BusPromises:
    """Inherit it and give the fixture `connect`: each call is one connection to one broker."""

    @pytest.fixture
    async def bus(self, connect: Connect) -> Bus:
        return await connect()

    async def test_records_and_offset_with_metadata_appear_together(self, bus: Bus) -> None:
        topic = await made(bus, 2)
        inbox = TopicPartition(topic, 1)
        producer = await lane(bus, topic)
        headers = (("ce_id", b"1"), ("ce_id", b"2"), ("empty", b""))
        record = Outgoing(topic, b"k", b"v", headers, 0)

        (offset,) = await producer.commit([record], OffsetCommit(topic, inbox, 7, '{"j":"é"}'))

        await lane(bus, topic)
        (read,) = [r async for r in bus.fetch(TopicPartition(topic, 0), 0, offset + 1)]
        assert (read.offset, read.key, read.value, read.headers) == (offset, b"k", b"v", headers)
        found = (await bus.admin.committed(topic, topic))[1]
        assert (found.offset, found.metadata) == (7, '{"j":"é"}')
        assert 0 not in await bus.admin.committed(topic, topic)

    async def test_offsets_are_given_in_the_order_of_the_records(self, bus: Bus) -> None:
        topic = await made(bus, 2)
        producer = await lane(bus, topic)
        mixed = [Outgoing(topic, b"k", str(n).encode(), partition=n % 2) for n in range(200)]

        first = await producer.commit(mixed)
        second = await producer.commit(mixed)

        for n, offset in enumerate(first):
            where = TopicPartition(topic, n % 2)
            (read,) = [r async for r in bus.fetch(where, offset, offset + 1)]
            assert read.value == str(n).encode()
        assert min(second) > max(first)

    async def test_an_offset_alone_and_a_tombstone_alone_can_be_committed(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)

        assert await producer.commit([], OffsetCommit(topic, where, 3, "")) == []
        (offset,) = await producer.commit([Outgoing(topic, b"k", None, partition=0)])
        assert await producer.commit([]) == []

        assert [r.value async for r in bus.fetch(where, 0, offset + 1)] == [None]
        await lane(bus, topic)
        assert (await bus.admin.committed(topic, topic))[0].offset == 3

    async def test_a_second_init_fences_the_first(self, bus: Bus, connect: Connect) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        first = await lane(bus, topic)
        await first.commit(values(topic, "a"))
        second = await lane(await connect(), topic)

        with pytest.raises(ProducerFenced):
            await first.commit(values(topic, "zombie"), OffsetCommit(topic, where, 9, ""))
        await second.commit(values(topic, "b"))

        assert await committed_values(bus, where) == [b"a", b"b"]
        assert await bus.admin.committed(topic, topic) == {}

    async def test_a_fenced_producer_stays_dead(self, bus: Bus) -> None:
        topic = await made(bus)
        first = await lane(bus, topic)
        await lane(bus, topic)

        for _ in range(2):
            with pytest.raises((ProducerFenced, CommitDoubtful)):
                await first.commit(values(topic, "zombie"))

        assert await committed_values(bus, TopicPartition(topic, 0)) == []

    async def test_a_refused_record_fails_the_whole_commit_and_is_named(self, bus: Bus) -> None:
        topic = await made(bus, **{"max.message.bytes": "2000"})
        where = TopicPartition(topic, 0)
        small, large = await made(bus), Outgoing(topic, b"k", b"x" * 5000, partition=0)
        producer = await lane(bus, topic)

        with pytest.raises(RecordRefused) as refused:
            await producer.commit(
                [*values(small, "a"), large, *values(small, "b")],
                OffsetCommit(topic, where, 5, ""),
            )

        assert refused.value.index == 1
        assert refused.value.topic == topic
        fresh = await lane(bus, topic)
        await fresh.commit(values(small, "after"))
        assert await committed_values(bus, TopicPartition(small, 0)) == [b"after"]
        assert await bus.admin.committed(topic, topic) == {}

    async def test_a_record_over_every_limit_is_refused(self, bus: Bus) -> None:
        topic = await made(bus)
        producer = await lane(bus, topic)

        with pytest.raises(RecordRefused) as refused:
            await producer.commit([Outgoing(topic, b"k", b"x" * 2_000_000, partition=0)])

        assert refused.value.index == 0

    async def test_a_record_for_a_topic_or_partition_that_is_not_there_is_refused(
        self, bus: Bus
    ) -> None:
        topic = await made(bus)
        absent = Outgoing(f"absent-{topic}", b"k", b"v", partition=0)
        beyond = Outgoing(topic, b"k", b"v", partition=9)

        for record in (absent, beyond):
            producer = await lane(bus, topic)
            with pytest.raises(RecordRefused) as refused:
                await producer.commit([*values(topic, "a"), record])
            assert refused.value.index == 1

        assert await committed_values(bus, TopicPartition(topic, 0)) == []

    async def test_metadata_over_4096_bytes_is_refused_and_nothing_is_written(
        self, bus: Bus
    ) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)

        with pytest.raises(RecordRefused):
            await producer.commit(values(topic, "a"), OffsetCommit(topic, where, 1, "m" * 4097))

        fresh = await lane(bus, topic)
        await fresh.commit(values(topic, "b"), OffsetCommit(topic, where, 1, "m" * 4096))
        assert await committed_values(bus, where) == [b"b"]

    async def test_a_range_stops_at_its_end_and_not_at_an_empty_poll(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)
        for n in range(30):
            await producer.commit(values(topic, str(n)))
        end = await bus.end_offset(where)

        everything = [r.offset async for r in bus.fetch(where, 0, end)]
        one = [r.offset async for r in bus.fetch(where, everything[3], everything[4])]
        nothing = [r async for r in bus.fetch(where, end, end)]

        assert len(everything) == 30
        assert one == [everything[3]]
        assert nothing == []
        assert end > everything[-1] + 1

    async def test_a_tail_wakes_for_data_and_moves_past_markers(self, bus: Bus) -> None:
        topic = await made(bus, 2)
        first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
        tail = await bus.tail({first: 0, second: 0})
        producer = await lane(bus, topic)
        waiting = asyncio.create_task(tail.poll(timeout_s=DEADLINE_S))

        await producer.commit(values(topic, "a"))

        async with asyncio.timeout(5):
            assert [r.value for r in await waiting] == [b"a"]
        end = await bus.end_offset(first)
        async with asyncio.timeout(DEADLINE_S):
            while tail.position(first) < end:
                assert not await tail.poll(timeout_s=0.05)
        assert tail.position(second) == 0
        await tail.close()

    async def test_a_tail_gives_at_most_what_was_asked_and_loses_nothing(self, bus: Bus) -> None:
        topic = await made(bus, 2)
        producer = await lane(bus, topic)
        await producer.commit(
            [Outgoing(topic, b"k", str(n).encode(), partition=n % 2) for n in range(100)]
        )
        tail = await bus.tail({TopicPartition(topic, 0): 0, TopicPartition(topic, 1): 0})

        read: list[Record] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(read) < 100:
                found = await tail.poll(timeout_s=1, records_max=7)
                assert len(found) <= 7
                read += found

        for partition in (0, 1):
            mine = [int(r.value or b"") for r in read if r.partition == partition]
            assert mine == list(range(partition, 100, 2))
        await tail.close()

    async def test_the_sender_takes_concurrent_records_and_names_their_places(
        self, bus: Bus
    ) -> None:
        topic = await made(bus, 3)
        records = [Outgoing(topic, str(n).encode(), b"v") for n in range(50)]

        places = await asyncio.gather(*(bus.sender().send(r) for r in records))

        for record, (partition, offset) in zip(records, places, strict=True):
            assert partition == await bus.partition_of(topic, record.key or b"")
            where = TopicPartition(topic, partition)
            (read,) = [r async for r in bus.fetch(where, offset, offset + 1)]
            assert read.key == record.key

    async def test_the_sender_says_when_a_record_is_refused(self, bus: Bus) -> None:
        topic = await made(bus, **{"max.message.bytes": "2000"})

        with pytest.raises(RecordRefused):
            await bus.sender().send(Outgoing(topic, b"k", b"x" * 5000))

    async def test_topics_are_created_once_and_settings_are_altered_one_by_one(
        self, bus: Bus
    ) -> None:
        topic = await made(bus, 3, **{"cleanup.policy": "compact"})

        await bus.admin.create([TopicSpec(topic, 5)])
        await bus.admin.alter_settings(topic, {"retention.ms": "-1"})

        assert (await bus.admin.topics())[topic] == 3
        settings = (await bus.admin.topic_settings([topic]))[topic]
        assert settings["cleanup.policy"] == "compact"
        assert settings["retention.ms"] == "-1"

    async def test_records_before_an_offset_can_be_deleted(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)
        offsets = await producer.commit(values(topic, "a", "b", "c"))

        await bus.admin.delete_records({where: offsets[2]})

        assert await bus.begin_offset(where) == offsets[2]
        assert await bus.admin.offsets(topic) == {0: (offsets[2], await bus.end_offset(where))}
        assert await committed_values(bus, where) == [b"c"]

    async def test_a_topic_made_on_another_connection_has_offsets_at_once(
        self, bus: Bus, connect: Connect
    ) -> None:
        topic = await made(await connect(), 2)

        assert await bus.admin.offsets(topic) == {0: (0, 0), 1: (0, 0)}
        assert await bus.admin.offsets(f"absent-{topic}") == {}

    async def test_an_offset_is_found_by_time(self, bus: Bus) -> None:
        topic = await made(bus)
        where = TopicPartition(topic, 0)
        producer = await lane(bus, topic)
        (offset,) = await producer.commit(values(topic, "a"))
        (read,) = [r async for r in bus.fetch(where, offset, offset + 1)]

        assert await bus.offset_at(where, read.timestamp_ms) == offset
        assert await bus.offset_at(where, 0) == offset
        after = await bus.offset_at(where, read.timestamp_ms + 3_600_000)
        assert after == await bus.end_offset(where)

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
