"""What the registrar promises, on whatever bus the fixture `ground` stands on."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from handrail.bus.port import Bus
from handrail.errors import HandrailError, LedgerCut
from handrail.ledger.event import Event
from handrail.ledger.task_record import TaskEnd, decode_end, decode_row
from handrail.ledger.task_state import TaskFacts, TaskState
from handrail.runtime.clock import WallClock
from handrail.runtime.closed_requests import CLOSED_KEPT_MS
from handrail.runtime.registrar import registrar
from handrail.runtime.single_writer import SingleWriter
from handrail.wire.human import HUMAN, Closed, Request
from handrail.wire.record import TopicPartition
from tests.promises.ground import PARTITIONS, Ground
from tests.unit.ledger.told import Story
from tests.waiting import until


@asynccontextmanager
async def running(bus: Bus, ground: Ground) -> AsyncIterator[SingleWriter]:
    """Run one member of the registrar's group, from its first partition to the end of the body."""
    writer = registrar(bus, ground.namespace, WallClock())
    task = asyncio.create_task(writer.run(), name="registrar under test")
    try:
        await until(lambda: writer.holds or task.done(), within_s=30)
        yield writer
    finally:
        writer.stop()
        await task


async def prepared(ground: Ground, bus: Bus) -> None:
    await ground.prepare(bus, "ledger", compacted=("tasks", "results"))


async def rows(ground: Ground, bus: Bus) -> dict[str, TaskFacts]:
    """Give the newest facts of each task."""
    found = [
        decode_row(record)
        for record in await ground.records(bus, "tasks")
        if record.value is not None  # the registrar marks the end that it reads up to
    ]
    return {row.facts.task_id: row.facts for row in found}


async def ends(ground: Ground, bus: Bus) -> list[tuple[bytes | None, TaskEnd | None]]:
    records = await ground.records(bus, "results")
    return [(record.key, decode_end(record)) for record in records]


async def states(ground: Ground, bus: Bus) -> dict[str, str]:
    return {task: facts.state.value for task, facts in (await rows(ground, bus)).items()}


async def read_to_the_end(ground: Ground, bus: Bus) -> bool:
    topic = ground.topic("ledger")
    committed = await bus.admin.committed(f"{ground.namespace}.registrar", topic)
    ended = await bus.admin.offsets(topic)
    return all(
        first == end or (partition in committed and committed[partition].offset >= end)
        for partition, (first, end) in ended.items()
    )


def a_life(story: Story, hops: int) -> list[Event]:
    """Give a task of several hops that fans out at each and ends without a result."""
    told: list[Event] = [story.submitted(), story.accepted(reference=f"ref {story.task_id}")]
    waiting = ["s1"]
    for hop in range(hops):
        new = [f"{hop}-{number}" for number in range(2)]
        told.append(story.finished(waiting.pop(), *(f"{one}@q" for one in new)))
        waiting += new
    told += [story.finished(one, topic="q") for one in waiting]
    return told


async def test_each_task_has_its_state_and_each_end_lies_under_its_reference(
    ground: Ground,
) -> None:
    a, b, c, d = (Story(name) for name in "abcd")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground):
            await ground.tell(bus, a.submitted())
            await ground.tell(bus, b.accepted(), b.finished("s1", "r@results/result"))
            await ground.tell(bus, c.accepted(reference="mine"), c.dead())
            await ground.tell(bus, d.rejected())

            await until(lambda: read_to_the_end(ground, bus))

        assert await states(ground, bus) == {
            "a": "submitted",
            "b": "completed",
            "c": "failed",
            "d": "rejected",
        }
        assert dict(await ends(ground, bus)) == {
            b"mine": TaskEnd("c", TaskState.FAILED, "planner gave up (attempts): It raised."),
            b"d": TaskEnd(
                "d", TaskState.REJECTED, "Refused at the intake (schema): It is not JSON."
            ),
        }


async def test_a_registrar_that_starts_later_goes_on_where_the_last_one_stopped(
    ground: Ground,
) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground):
            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q", "h2@q"))
            await until(lambda: read_to_the_end(ground, bus))
        await ground.tell(bus, story.finished("h1", topic="q"))

        async with running(bus, ground):
            await until(lambda: read_to_the_end(ground, bus))
            assert (await rows(ground, bus))["a"].open == 1
            await ground.tell(bus, story.finished("h2", topic="q"))
            await until(lambda: read_to_the_end(ground, bus))

        assert await states(ground, bus) == {"a": "completed"}
        assert len(await ends(ground, bus)) == 1


async def test_members_come_and_go_and_every_event_is_counted_once(ground: Ground) -> None:
    choice = random.Random(7)
    lives = {f"task-{n}": a_life(Story(f"task-{n}"), hops=n % 4) for n in range(40)}
    async with ground.bus() as bus:
        await prepared(ground, bus)

        async def comes_and_goes(turns: int) -> None:
            for _ in range(turns):
                async with ground.bus() as own, running(own, ground):
                    read = await ground_read(bus)
                    goal = min(read + choice.randint(20, 60), told_count)
                    await until(lambda goal=goal: at_least(bus, goal), within_s=30)

        async def ground_read(bus: Bus) -> int:
            group = f"{ground.namespace}.registrar"
            committed = await bus.admin.committed(group, ground.topic("ledger"))
            return sum(place.offset for place in committed.values())

        async def at_least(bus: Bus, goal: int) -> bool:
            return await ground_read(bus) >= goal

        told_count = sum(len(life) for life in lives.values())
        async with running(bus, ground):
            members = [asyncio.create_task(comes_and_goes(3)) for _ in range(2)]
            for step in range(max(len(life) for life in lives.values())):
                for life in lives.values():
                    await ground.tell(bus, *life[step : step + 1])
            await asyncio.gather(*members)
            await until(lambda: read_to_the_end(ground, bus), within_s=30)

        found = await rows(ground, bus)
        assert {facts.state.value for facts in found.values()} == {"completed"}
        assert {task: facts.invocations for task, facts in found.items()} == {
            task: len(life) - 2 for task, life in lives.items()
        }
        said = Counter(key for key, _ in await ends(ground, bus))
        assert said == {f"ref {task}".encode(): 1 for task in lives}


async def test_whoever_is_fenced_while_it_owns_the_partition_opens_it_again(
    ground: Ground,
) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground) as member:
            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q", "h2@q"))
            await until(lambda: read_to_the_end(ground, bus))
            for partition in range(PARTITIONS):
                intruder = bus.lane_producer(f"{ground.namespace}.registrar.{partition}")
                await intruder.init(deadline_s=10)
                await intruder.close()

            await ground.tell(bus, story.finished("h1", topic="q"))
            await until(lambda: read_to_the_end(ground, bus))

            assert (await rows(ground, bus))["a"].open == 1
            assert member.holds == frozenset(range(PARTITIONS))


async def test_events_that_were_deleted_unread_stop_the_registrar_by_name(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        where = TopicPartition(
            ground.topic("ledger"), await bus.partition_of(ground.topic("ledger"), b"a")
        )
        async with running(bus, ground):
            await ground.tell(bus, story.accepted())
            await until(lambda: read_to_the_end(ground, bus))
        await ground.tell(bus, story.finished("s1", "h1@q"), story.finished("h1", topic="q"))
        await bus.admin.delete_records({where: await bus.end_offset(where)})

        with pytest.raises(LedgerCut) as stopped:
            await registrar(bus, ground.namespace, WallClock()).run()

        assert stopped.value.facts["read"] == 1
        assert await states(ground, bus) == {"a": "working"}


async def test_how_requests_were_closed_is_deleted_after_30_days_and_nothing_else(
    ground: Ground,
) -> None:
    day_ms = 24 * 3_600_000
    asked = Request("order/2/1", "task", "default", "clerk", "Who signs?", {})
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger", compacted=("tasks", "results", HUMAN))
        old, new = Closed("order/1/1", "Ann", "7"), Closed("order/3/1", "Ann", "8")
        for record in (
            *old.outgoing(ground.topic(HUMAN), 0),
            asked.outgoing(ground.topic(HUMAN)),
            *new.outgoing(ground.topic(HUMAN), CLOSED_KEPT_MS * 100),
        ):
            await bus.sender().send(record)
        assert await standing(ground, bus) == [
            "order/1/1/closed",
            "order/2/1/request",
            "order/3/1/closed",
        ]

        async with running(bus, ground) as writer:
            later_ms = CLOSED_KEPT_MS

            async def one_is_gone() -> bool:
                nonlocal later_ms
                later_ms += 2 * day_ms  # it is looked at once a day
                for partition in writer._shelf.values():
                    with suppress(HandrailError):  # it is opened anew just now
                        await partition.tidy(later_ms)
                return len(await standing(ground, bus)) < 3

            await until(one_is_gone, within_s=60, what="what was closed so long ago is gone")

        assert await standing(ground, bus) == ["order/2/1/request", "order/3/1/closed"]


async def standing(ground: Ground, bus: Bus) -> list[str]:
    live = {record.key or b"": record.value for record in await ground.records(bus, HUMAN)}
    return sorted(key.decode() for key, value in live.items() if value is not None)
