"""What every bus promises, in one body: run on the in-process bus and on Apache Kafka."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence

import pytest

from handrail.bus.port import (
    Ahead,
    Bus,
    LaneProducer,
    OffsetCommit,
    TopicSpec,
    Written,
)
from handrail.errors import CommitDoubtful, ProducerFenced, RecordRefused
from handrail.wire.record import Outgoing, Record, TopicPartition

Connect = Callable[[], Awaitable[Bus]]
DEADLINE_S = 20.0


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

    async def test_what_follows_says_where_what_is_ahead_stands_in_one_transaction(
        self, bus: Bus
    ) -> None:
        commands, topic = await made(bus, 3), await made(bus)
        producer = await lane(bus, topic)
        first = [Outgoing(commands, f"key {n}".encode(), b"c") for n in range(20)]
        seen: list[Written] = []

        def then(places: Sequence[Written]) -> list[Outgoing]:
            seen.extend(places)
            return values(topic, *(f"{one.partition}:{one.offset}" for one in places))

        offsets = await producer.commit_ahead(
            Ahead(first, then), OffsetCommit(topic, TopicPartition(topic, 0), 5, "")
        )

        assert offsets == [*range(20)]
        told = await committed_values(bus, TopicPartition(topic, 0))
        assert told == [f"{one.partition}:{one.offset}".encode() for one in seen]
        for record, place in zip(first, seen, strict=True):
            where = TopicPartition(commands, place.partition)
            found = [r async for r in bus.fetch(where, place.offset, place.offset + 1)]
            assert [one.key for one in found] == [record.key]
        await lane(bus, topic)
        assert (await bus.admin.committed(topic, topic))[0].offset == 5

    async def test_what_is_ahead_is_not_written_when_what_follows_is_refused(
        self, bus: Bus
    ) -> None:
        commands, topic = await made(bus), await made(bus)
        producer = await lane(bus, topic)
        absent = Outgoing(f"absent-{topic}", b"k", b"v", partition=0)

        with pytest.raises(RecordRefused):
            await producer.commit_ahead(
                Ahead(values(commands, "a"), lambda _: [*values(topic, "b"), absent])
            )

        await (await lane(bus, topic)).commit([*values(commands, "c"), *values(topic, "d")])
        assert await committed_values(bus, TopicPartition(commands, 0)) == [b"c"]
        assert await committed_values(bus, TopicPartition(topic, 0)) == [b"d"]

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

        async with asyncio.timeout(DEADLINE_S):
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
