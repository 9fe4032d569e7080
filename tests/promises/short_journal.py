"""A lane that somebody opens has little to read, however long its journal has become."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from handrail.bus.port import Bus, LaneProducer
from handrail.lane.bounds import LaneBounds
from handrail.lane.decision import LaneSettings
from handrail.lane.journal import (
    PROGRESS_KEY,
    Entry,
    Kind,
    decode_entry,
    encode_entry,
    entry_key,
    journaled_offset,
    tombstone,
)
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.copying import copy_forward
from handrail.runtime.worker.opening import LanePlace
from handrail.wire.record import Record, TopicPartition
from tests.promises.ground import Ground
from tests.waiting import until

BOUNDS = LaneBounds(journal_records=40, journal_per_live=2)
SETTINGS = LaneSettings("1", "in", None, BOUNDS)


@dataclass(frozen=True)
class Writer:
    """A lane that writes, without a group around it."""

    bus: Bus
    place: LanePlace
    lane: Lane
    committer: Committer

    async def rest(self, *numbers: int) -> None:
        """Let invocations rest."""
        for number in numbers:
            record = Record("ns.in", 0, number, 7, b"key %d" % number, b"body", (("h", b"\xff"),))
            facts = {"mailbox": "a2V5", "admitted_ms": 0, "deadline_ms": None, "why": "waiting"}
            entry = Entry(Kind.PARKED, f"i{number}", 1, "1", 0, facts=facts, snapshot=record)
            self.committer.hand(Item([encode_entry(entry, self.place.journal)]))
        await self.committer.flush()

    async def work(self, count: int) -> None:
        """Let the journal grow by at least that much."""
        for _ in range(count):
            await self.committer.commit(Item([tombstone(b"gone/parked/0", self.place.journal)]))

    async def found_by_a_successor(self) -> tuple[int, Lane]:
        """Give how much the next owner reads, and what it then knows."""
        await self.committer.commit(Item((), tells_group=True))
        whole, end = await self.whole()
        said = next(one for one in reversed(whole) if one.key == PROGRESS_KEY)
        entry = decode_entry(said)
        assert entry is not None
        pointer = journaled_offset(entry)[1].journal
        lane = Lane(SETTINGS, 0, None)
        lane.restore(_entries(whole, pointer), end, 0)
        return end - pointer, lane

    async def whole(self) -> tuple[list[Record], int]:
        """Give the journal and its end, once the last commit can be read."""
        journal = self.place.journal

        async def is_visible() -> bool:
            return await self.bus.end_offset(journal) >= self.lane.live.end

        await until(is_visible)
        end = await self.bus.end_offset(journal)
        return [record async for record in self.bus.fetch(journal, 0, end)], end


def _entries(records: Iterable[Record], pointer: int) -> Iterable[tuple[int, bytes, Entry | None]]:
    return [
        (one.offset, one.key or b"", decode_entry(one)) for one in records if one.offset >= pointer
    ]


@asynccontextmanager
async def writer(ground: Ground) -> AsyncIterator[Writer]:
    async with ground.bus() as bus:
        await ground.prepare(bus, "in", "a.answers", "a.dead", compacted=["a.journal"])
        names = ("in", "a.answers", "a.journal", "a.dead")
        places = [TopicPartition(ground.topic(name), 0) for name in names]
        place = LanePlace(ground.topic("a"), *places)
        producer = bus.lane_producer(place.transactional_id)
        await producer.init(deadline_s=30)

        async def renew(old: LaneProducer) -> LaneProducer:
            raise AssertionError(f"nothing is refused here, {old} is as good as before")

        lane = Lane(SETTINGS, 0, OffsetMetadata(0, 1, 0, 0))
        committer = Committer(lane, producer, place, renew)
        running = asyncio.create_task(committer.run())
        try:
            yield Writer(bus, place, lane, committer)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await producer.close()


async def test_what_rests_for_long_does_not_make_its_successor_read_everything_since(
    ground: Ground,
) -> None:
    async with writer(ground) as one:
        await one.rest(1, 2, 3)
        await one.work(60)
        before, _ = await one.found_by_a_successor()
        await copy_forward(one.bus, one.place.journal, one.lane, one.committer)

        after, successor = await one.found_by_a_successor()

    assert before > BOUNDS.journal_records
    assert after <= 10
    assert successor.parked_count == 3


async def test_a_copied_record_is_the_same_to_the_byte(ground: Ground) -> None:
    async with writer(ground) as one:
        await one.rest(1)
        await one.work(60)
        await copy_forward(one.bus, one.place.journal, one.lane, one.committer)
        whole, _ = await one.whole()

    key = entry_key("i1", Kind.PARKED)
    first, copied = [record for record in whole if record.key == key]
    assert (copied.value, copied.headers) == (first.value, first.headers)


async def test_what_ends_while_it_is_copied_stays_ended(ground: Ground) -> None:
    async with writer(ground) as one:
        await one.rest(1, 2)
        await one.work(60)
        one.committer.suspend()
        removed = tombstone(entry_key("i1", Kind.PARKED), one.place.journal)
        ended = asyncio.create_task(one.committer.commit(Item([removed])))
        await until(lambda: not one.committer.is_idle, what="its end waits to be committed")
        copying = asyncio.create_task(
            copy_forward(one.bus, one.place.journal, one.lane, one.committer)
        )
        await until(lambda: len(one.committer._queue) == 2, what="the copy waits behind it")
        one.committer.resume()
        await asyncio.gather(copying, ended)

        _, successor = await one.found_by_a_successor()

    assert successor.parked_count == 1


async def test_a_short_journal_is_left_alone(ground: Ground) -> None:
    async with writer(ground) as one:
        await one.rest(1)
        await one.work(10)
        before = one.lane.live.end

        await copy_forward(one.bus, one.place.journal, one.lane, one.committer)

        assert one.lane.live.end == before
