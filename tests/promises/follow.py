"""What following the ledger into a projection promises, on whatever bus `ground` stands on."""

import asyncio
from dataclasses import replace
from pathlib import Path

from handrail.bus.port import Bus
from handrail.ledger import queries
from handrail.ledger.projection import TABLES, Projection
from handrail.ledger.task_state import TaskState
from handrail.runtime.follow import catch_up, follow
from tests.promises.ground import Ground
from tests.promises.registrar import a_life
from tests.unit.ledger.told import Story
from tests.waiting import until


def every_row(projection: Projection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: sorted(projection.database.rows(f"SELECT * FROM {table}"), key=repr)
        for table in TABLES
    }


async def told(ground: Ground, bus: Bus, count: int = 12) -> None:
    await ground.prepare(bus, "ledger")
    lives = [a_life(Story(f"task-{n}"), hops=n % 3) for n in range(count)]
    for step in range(max(map(len, lives))):
        for life in lives:
            await ground.tell(bus, *life[step : step + 1])


async def test_catching_up_folds_everything_and_then_only_what_is_new(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await told(ground, bus)
        projection = Projection(tmp_path / "p.db")

        await catch_up(bus, ground.namespace, projection)
        first = queries.tasks(projection, limit=100)
        await ground.tell(bus, Story("late").accepted())
        await catch_up(bus, ground.namespace, projection)

        assert {facts.state for facts in first} == {TaskState.COMPLETED}
        assert len(first) == 12
        assert len(queries.tasks(projection, limit=100)) == 13
        projection.close()


async def test_a_deleted_file_is_made_anew_with_the_same_rows(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await told(ground, bus)
        one, other = Projection(tmp_path / "one.db"), Projection(tmp_path / "other.db")

        await catch_up(bus, ground.namespace, one)
        await catch_up(bus, ground.namespace, other)

        assert every_row(one) == every_row(other)
        one.close()
        other.close()


async def test_several_that_follow_into_one_file_fold_each_event_once(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await told(ground, bus)
        shared = [Projection(tmp_path / "p.db") for _ in range(3)]
        alone = Projection(tmp_path / "alone.db")

        await asyncio.gather(*(catch_up(bus, ground.namespace, one) for one in shared))
        await catch_up(bus, ground.namespace, alone)

        assert every_row(shared[0]) == every_row(alone)
        for projection in (*shared, alone):
            projection.close()


async def test_a_ledger_that_was_made_anew_is_noticed_and_folded_afresh(
    ground: Ground, tmp_path: Path
) -> None:
    other = replace(ground, namespace=f"{ground.namespace}b")
    async with ground.bus() as bus:
        await told(ground, bus, count=9)
        await told(other, bus, count=12)
        projection, alone = Projection(tmp_path / "p.db"), Projection(tmp_path / "alone.db")
        await catch_up(bus, ground.namespace, projection)

        await catch_up(bus, other.namespace, projection)
        await catch_up(bus, other.namespace, alone)
        afresh = every_row(projection)
        await catch_up(bus, ground.namespace, projection)

        assert afresh == every_row(alone)
        assert len(queries.tasks(projection, limit=100)) == 9
        projection.close()
        alone.close()


async def test_a_file_that_is_damaged_while_it_is_used_is_made_anew(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await told(ground, bus, count=30)
        path = tmp_path / "p.db"
        projection = Projection(path)
        await catch_up(bus, ground.namespace, projection)
        before = every_row(projection)
        projection.close()
        content = bytearray(path.read_bytes())
        content[8192:] = b"\xee" * (len(content) - 8192)
        path.write_bytes(content)

        damaged = Projection(path)
        await ground.tell(bus, Story("task-0").submitted("s9"))
        await catch_up(bus, ground.namespace, damaged)

        assert damaged.moved_aside is not None
        assert len(every_row(damaged)["event"]) == len(before["event"]) + 1
        damaged.close()


async def test_following_tells_which_tasks_changed_until_nobody_listens(
    ground: Ground, tmp_path: Path
) -> None:
    story = Story("a")
    changed: set[str] = set()
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger")
        projection = Projection(tmp_path / "p.db")

        async def listen() -> None:
            async for tasks in follow(bus, ground.namespace, projection):
                changed.update(tasks)

        listener = asyncio.create_task(listen())
        await ground.tell(bus, story.accepted())
        await until(lambda: changed == {"a"})
        await ground.tell(bus, Story("b").accepted())
        await until(lambda: changed == {"a", "b"})
        listener.cancel()
        await asyncio.wait([listener])

        assert queries.task(projection, "a") is not None
        projection.close()


async def test_a_namespace_without_a_ledger_has_nothing_to_fold(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        projection = Projection(tmp_path / "p.db")

        await catch_up(bus, ground.namespace, projection)

        assert queries.tasks(projection) == []
        projection.close()
