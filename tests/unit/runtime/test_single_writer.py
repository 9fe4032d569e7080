"""A single writer as such, whatever it writes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from handrail.bus.in_process import InProcessBus, InProcessLaneProducer
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_consumer import InProcessConsumer
from handrail.bus.port import GroupListener, OffsetCommit, TopicSpec
from handrail.ledger.event_record import encode
from handrail.runtime.clock import WallClock
from handrail.runtime.registrar import TaskBook, registrar
from handrail.runtime.single_writer import BATCH_RECORDS_MAX, SingleWriter
from handrail.runtime.single_writer_partition import OwnPlace, WriterPlan
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.unit.ledger.told import Story
from tests.waiting import until


class Silent(InProcessConsumer):
    """A member of a group to which nothing ever comes, not even the end of its poll."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.waits = asyncio.Event()

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError


class SilentBus(InProcessBus):
    """A connection whose consumers are silent."""

    def __init__(self) -> None:
        super().__init__(InProcessBroker(WallClock().now_ms))
        self.silent: list[Silent] = []

    def group_consumer(self, group: str, topics: Sequence[str], listener: GroupListener) -> Silent:
        self.silent.append(Silent(self.broker, self.line, group, topics, listener))
        return self.silent[-1]


async def test_a_writer_that_waits_for_records_ends_as_soon_as_it_is_told() -> None:
    bus = SilentBus()
    writer = registrar(bus, "ns", WallClock())
    running = asyncio.create_task(writer.run(), name="a writer under test")
    try:
        await until(lambda: bus.silent)
        (consumer,) = bus.silent
        await consumer.waits.wait()

        writer.stop()
        writer.stop()

        await until(running.done, what="it has ended")
        assert running.result() is None
    finally:
        running.cancel()
        await asyncio.wait([running])


class HeldUp(InProcessLaneProducer):
    """A producer that commits nothing for as long as it is held up."""

    goes_on: asyncio.Event | None = None

    async def commit(
        self, records: Sequence[Outgoing], offsets: OffsetCommit | None = None, **options: float
    ) -> list[int]:
        if self.goes_on is not None:
            await self.goes_on.wait()
        return await super().commit(records, offsets, **options)


class HeldUpBus(InProcessBus):
    """A connection whose producers can be held up."""

    def __init__(self) -> None:
        super().__init__(InProcessBroker(WallClock().now_ms))
        self.producers: dict[str, HeldUp] = {}

    def lane_producer(self, transactional_id: str) -> HeldUp:
        made = self.producers[transactional_id] = HeldUp(self, transactional_id)
        return made


@asynccontextmanager
async def writing(bus: HeldUpBus) -> AsyncGenerator[SingleWriter]:
    for name in ("ledger", "tasks", "results", "person.requests"):
        bus.broker.create(TopicSpec(f"ns.{name}", 2))
    writer = registrar(bus, "ns", WallClock())
    running = asyncio.create_task(writer.run(), name="a writer under test")
    try:
        await until(lambda: len(writer.holds) == 2)
        yield writer
    finally:
        for producer in bus.producers.values():
            if producer.goes_on is not None:
                producer.goes_on.set()
        writer.stop()
        await running


async def told(bus: HeldUpBus, partition: int, task_id: str) -> None:
    event = replace(encode(Story(task_id).accepted(), "ns.ledger"), partition=partition)
    await bus.sender().send(event)


async def test_a_partition_waits_for_no_transaction_of_another_one() -> None:
    bus = HeldUpBus()
    async with writing(bus) as writer:
        goes_on = bus.producers["ns.registrar.0"].goes_on = asyncio.Event()
        await told(bus, 0, "a")
        await until(lambda: writer.in_hand_count == 1)

        await told(bus, 1, "b")
        await until(lambda: writer.handled_count == 1, what="the other partition is taken")
        await told(bus, 0, "c")
        goes_on.set()

        await until(lambda: writer.handled_count == 3)
    assert await bus.end_offset(TopicPartition("ns.tasks", 1)) > 0
    await bus.close()


async def test_more_than_two_batches_of_a_partition_are_never_waiting_in_memory() -> None:
    bus = HeldUpBus()
    async with writing(bus) as writer:
        goes_on = bus.producers["ns.registrar.0"].goes_on = asyncio.Event()
        for number in range(4 * BATCH_RECORDS_MAX):
            await told(bus, 0, f"task-{number}")
        for number in range(5):  # each of them by another look at what has arrived
            await told(bus, 1, f"beside-{number}")
            await until(lambda number=number: writer.handled_count == number + 1)

        assert 0 < writer.waiting_count <= 2 * BATCH_RECORDS_MAX
        goes_on.set()
        await until(lambda: writer.handled_count == 4 * BATCH_RECORDS_MAX + 5, within_s=30)
    await bus.close()


async def test_the_group_is_told_in_the_end_though_not_by_each_transaction() -> None:
    bus = HeldUpBus()
    async with writing(bus) as writer:
        await told(bus, 0, "a")
        await until(lambda: writer.handled_count == 1)
        assert 0 not in await bus.admin.committed("ns.registrar", "ns.ledger")

    assert (await bus.admin.committed("ns.registrar", "ns.ledger"))[0].offset == 1
    await bus.close()


async def test_a_writer_ends_no_sooner_than_an_opening_that_another_one_has_replaced() -> None:
    bus = InProcessBus(InProcessBroker(WallClock().now_ms))
    for name in ("ledger", "tasks"):
        bus.broker.create(TopicSpec(f"ns.{name}", 1))
    plan = WriterPlan(namespace="ns", name="registrar", reads="ledger", owns=("tasks",))
    looks, ended = 0, 0

    async def look() -> None:
        nonlocal looks, ended
        looks += 1
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(1_000):  # what it had begun takes a while to be put away
                await asyncio.sleep(0)
            ended += 1

    writer = SingleWriter(bus, plan, partial(TaskBook, "ns"), WallClock(), look=look)
    running = asyncio.create_task(writer.run(), name="a writer under test")
    await until(lambda: looks == 1)
    assert writer.membership is not None

    writer.on_assigned(writer.membership, frozenset({TopicPartition("ns.ledger", 0)}))
    writer.stop()
    await running

    assert (looks, ended) == (1, 1)
    await bus.close()


class InParts:
    """A book that takes a record in four parts, and others at once; it writes nothing."""

    read_to: int | None = None

    def __init__(self) -> None:
        self.begun: list[int] = []  #: how many records each batch had
        self.left_count, self._parts = 0, 4

    def restore(self, records: Sequence[Record]) -> None:
        pass

    def begin(self, records: Sequence[Record]) -> Sequence[OwnPlace]:
        self.begun.append(len(records))
        return []

    def recall(self, records: Sequence[Record]) -> None:
        pass

    def decide(self, now_ms: int) -> Sequence[Outgoing]:
        self._parts -= 1
        self.left_count = self.begun[-1] if self._parts > 0 else 0
        return []

    def overdue(self, now_ms: int) -> Sequence[Outgoing]:
        return []

    def committed(self, offsets: Sequence[int]) -> None:
        pass

    def undo(self) -> None:
        pass

    def close(self) -> None:
        pass


async def test_what_is_too_much_at_once_goes_on_alone_and_nothing_else_is_prepared() -> None:
    bus, book = InProcessBus(InProcessBroker(WallClock().now_ms)), InParts()
    await bus.start()
    for name in ("in", "own"):
        bus.broker.create(TopicSpec(f"ns.{name}", 1))
    for _ in range(10):
        await bus.sender().send(Outgoing("ns.in", b"k", b"v", (), 0))
    plan = WriterPlan("ns", "writer", "in", ("own",))
    writer = SingleWriter(bus, plan, lambda _: book, WallClock())
    running = asyncio.create_task(writer.run(), name="a writer under test")
    try:
        await until(lambda: writer.handled_count == 10)
    finally:
        writer.stop()
        await running
        await bus.close()

    assert book.begun == [10, 1, 1, 1, 9]
