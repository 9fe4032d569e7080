"""A lane knows the references of the last day, whatever became of its cache."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from handrail import Topic, agent
from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import TopicSpec
from handrail.lane.references import REPEAT_WITHIN_MS, digest
from handrail.models.extractive import ExtractiveModel
from handrail.runtime.worker import references
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.place import TeamPlace, WorkerPlace
from handrail.runtime.worker.references import LaneReferences
from handrail.store.references import LAYOUTS, ReferenceFile
from handrail.store.sqlite import Database
from handrail.testing.clock import VirtualClock
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.waiting import until

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
INBOX = TopicPartition("ns.jobs", 0)
PLACE = LanePlace(
    "ns.worker",
    INBOX,
    TopicPartition("ns.worker.answers", 0),
    TopicPartition("ns.worker.journal", 0),
    TopicPartition("ns.worker.dead", 0),
)
jobs = Topic("jobs", carries=str)


@agent(reads=jobs)
async def worker(text: str) -> None:
    del text


class StrictBus(InProcessBus):
    """Reads nothing below the beginning of a partition, where a consumer of Kafka's would stall."""

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        assert start >= await self.begin_offset(where)
        async with aclosing(super().fetch(where, start, end)) as records:
            async for record in records:
                yield record


class Partition:
    """A partition whose records are references, and lanes over it."""

    def __init__(self, folder: Path | None) -> None:
        self.clock = VirtualClock(START_MS)
        self.folder = folder
        self.make_anew()
        self.lanes: list[LaneReferences] = []

    def make_anew(self) -> None:
        """As if the topic was deleted and created again."""
        self.broker = InProcessBroker(self.clock.now_ms)
        self.broker.create(TopicSpec(INBOX.topic, 1))
        self.bus = StrictBus(self.broker)

    def write(self, *tasks: str) -> None:
        """Append records; `task/record` names the record, else it is named by its offset."""
        for one in tasks:
            task, _, record = one.partition("/")
            name = (record or f"record {self.end}").encode()
            headers = (("ce_id", name),)
            self.broker.append(Outgoing(INBOX.topic, task.encode(), b"{}", headers, 0))

    @property
    def end(self) -> int:
        return self.broker.log(INBOX).last_stable

    @property
    def cache(self) -> Path:
        assert self.folder is not None
        return self.folder / f"{PLACE.transactional_id}.sqlite"

    async def open(self, low: int | None = None) -> LaneReferences:
        """Open a lane whose committed offset is `low`, else the end."""
        place = WorkerPlace(
            bus=self.bus,
            clock=self.clock,
            agent=worker,
            team=TeamPlace("ns", frozenset({"jobs"}), None, {}),
            model=ExtractiveModel(),
            process="test",
            references=self.folder,
        )
        lane = LaneReferences(place, PLACE)
        self.lanes.append(lane)
        await lane.learn(self.end if low is None else low, lambda one: verdict(lane, one))
        return lane

    async def read(
        self, lane: LaneReferences, start: int = 0, end: int | None = None
    ) -> list[bool]:
        """Judge everything from an offset on."""
        verdicts: list[bool] = []
        async for record in self.bus.fetch(INBOX, start, self.end if end is None else end):
            verdicts.append(verdict(lane, record))
            lane.judged(record)
        return verdicts


def verdict(lane: LaneReferences, record: Record) -> bool:
    task, own = (record.key or b"").decode(), (record.header("ce_id") or b"").decode()
    return lane.seen.take(task, own, record.timestamp_ms)


@pytest.fixture
async def partition(tmp_path: Path) -> AsyncIterator[Partition]:
    made = Partition(tmp_path / "references")
    yield made
    for lane in made.lanes:
        await lane.close(0)


async def test_a_lane_reads_back_only_what_its_cache_does_not_cover(partition: Partition) -> None:
    partition.write("a", "b", "c")
    first = await partition.open()
    await first.close(partition.end)
    partition.write("d")

    second = await partition.open()
    partition.write("a", "d", "e")

    assert (first.read_back_count, second.read_back_count) == (3, 1)
    assert await partition.read(second, 4) == [False, False, True]


async def test_without_a_folder_the_whole_day_is_read_back() -> None:
    partition = Partition(None)
    partition.write("a", "b")

    lane = await partition.open()
    partition.write("b", "c")

    assert lane.read_back_count == 2
    assert await partition.read(lane, 2) == [False, True]
    await lane.close(partition.end)


async def test_what_is_above_the_committed_offset_is_not_in_the_cache(partition: Partition) -> None:
    partition.write("a", "b", "c")
    first = await partition.open(low=0)
    await partition.read(first)

    await first.close(2)
    second = await partition.open(low=2)

    assert second.read_back_count == 0
    assert await partition.read(second, 2) == [True]


async def test_a_record_that_is_delivered_again_is_the_one_that_was_taken_in(
    partition: Partition,
) -> None:
    partition.write("a/first", "a/second", "a/first")
    lane = await partition.open(low=0)

    assert await partition.read(lane) == [True, False, True]
    assert await partition.read(lane, end=2) == [True, False]
    await lane.close(3)
    assert (await partition.open()).read_back_count == 0


async def test_a_cache_of_a_topic_that_was_made_anew_is_thrown_away(partition: Partition) -> None:
    partition.write("a", "b", "c")
    await (await partition.open()).close(partition.end)
    partition.clock.move_to(START_MS + 1)
    partition.make_anew()
    partition.write("x", "y", "z", "zz")

    lane = await partition.open()
    partition.write("a", "x")

    assert lane.read_back_count == 4
    assert await partition.read(lane, 4) == [True, False]


async def test_a_cache_that_knows_more_than_was_read_is_thrown_away(partition: Partition) -> None:
    partition.write("a", "b", "c")
    await (await partition.open()).close(partition.end)
    partition.make_anew()
    partition.write("a")

    lane = await partition.open(low=0)

    assert await partition.read(lane) == [True]


async def test_a_cache_that_ends_more_than_a_day_ago_is_thrown_away(partition: Partition) -> None:
    partition.write("a", "b")
    await (await partition.open()).close(partition.end)
    partition.write("old")
    partition.clock.move_to(START_MS + REPEAT_WITHIN_MS + HOUR_MS)
    partition.write("c")

    lane = await partition.open()
    partition.write("a", "c")
    verdicts = await partition.read(lane, 4)
    await lane.close(partition.end)

    assert (lane.read_back_count, verdicts) == (1, [True, False])
    file = ReferenceFile(partition.cache)
    assert file.count() == 2
    file.close()


async def test_a_cache_whose_records_were_deleted_is_thrown_away(partition: Partition) -> None:
    partition.write("a", "b")
    await (await partition.open()).close(partition.end)
    partition.write("c")
    partition.broker.log(INBOX).delete_before(2)

    lane = await partition.open()

    assert lane.read_back_count == 1


async def test_a_damaged_cache_costs_only_the_reading_back(partition: Partition) -> None:
    partition.write("a", "b")
    await (await partition.open()).close(partition.end)
    partition.cache.write_bytes(b"\x00nothing of sqlite" * 400)

    lane = await partition.open()
    partition.write("a")

    assert lane.read_back_count == 2
    assert await partition.read(lane, 2) == [False]
    await lane.close(partition.end)
    assert (await partition.open()).read_back_count == 0


async def test_a_page_that_is_damaged_costs_only_the_reading_back(partition: Partition) -> None:
    many = 2_000
    partition.write(*(f"t{n}" for n in range(many)))
    await (await partition.open()).close(partition.end)
    whole = partition.cache.read_bytes()
    partition.cache.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) // 2))

    lane = await partition.open()
    partition.write("t7")

    assert lane.read_back_count == many
    assert await partition.read(lane, many) == [False]
    await lane.close(partition.end)
    assert (await partition.open()).read_back_count == 0


async def test_a_locked_cache_costs_only_the_reading_back(partition: Partition) -> None:
    partition.write("a", "b")
    await (await partition.open()).close(partition.end)
    other = Database.open(partition.cache, LAYOUTS)

    with other.transaction():
        lane = await partition.open()
    partition.write("a")

    assert lane.read_back_count == 2
    assert await partition.read(lane, 2) == [False]
    other.close()


async def test_a_folder_that_cannot_be_made_costs_only_the_reading_back(
    partition: Partition, tmp_path: Path
) -> None:
    (tmp_path / "references").write_text("a file is in the way")
    partition.write("a")

    lane = await partition.open()
    partition.write("a")

    assert await partition.read(lane, 1) == [False]


async def test_time_writes_the_cache_while_the_lane_is_open(partition: Partition) -> None:
    lane = await partition.open()
    partition.write("a", "b")
    await partition.read(lane)

    lane.tick(2)
    reader = ReferenceFile(partition.cache)
    await until(lambda: reader.count() == 2, what="the cache knows what was committed")
    reader.close()

    assert (await partition.open()).read_back_count == 0


async def test_two_lanes_over_one_cache_never_make_it_wrong(partition: Partition) -> None:
    partition.write("a", "b")
    lost = await partition.open()
    partition.write("c", "d")
    await partition.read(lost, 2)
    owner = await partition.open()
    partition.write("a", "e")
    await partition.read(owner, 4)
    await owner.close(6)

    await lost.close(4)
    third = await partition.open()

    assert third.read_back_count == 0
    assert [third.get(digest(task)) is not None for task in ("a", "b", "c", "d", "e", "f")] == [
        *[True] * 5,
        False,
    ]


async def test_a_lane_whose_cache_was_begun_anew_goes_on_without_it(partition: Partition) -> None:
    lane = await partition.open()
    partition.write(*(f"t{n}" for n in range(20)))
    await partition.read(lane)
    other = ReferenceFile(partition.cache)
    other.begin_at(5)

    lane.tick(20)
    await until(lambda: not lane.has_cache, what="the lane gave its cache up")
    partition.write("t3", "new")

    assert await partition.read(lane, 20) == [False, True]
    other.close()


async def test_thousands_of_references_leave_few_in_memory(partition: Partition) -> None:
    many = references.RECENT_COUNT_MAX * 3
    partition.write(*(f"t{n}" for n in range(many)))
    lane = await partition.open(low=0)
    await partition.read(lane)

    assert lane.recent_count <= references.RECENT_COUNT_MAX
    partition.write("t0", f"t{many - 1}", "new")
    assert await partition.read(lane, many) == [False, False, True]
