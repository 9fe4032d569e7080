"""The registrar's promises in process, and the faults that only a broker in memory can plan."""

import asyncio
import random

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.port import Bus
from handrail.runtime.clock import WallClock
from handrail.runtime.registrar import registrar
from handrail.wire.record import Outgoing
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.registrar import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.registrar import a_life, ends, prepared, read_to_the_end, rows, running, states
from tests.unit.ledger.told import Story
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


@pytest.mark.parametrize("written", [True, False])
async def test_a_doubtful_commit_is_settled_by_opening_again(
    ground: Ground, *, written: bool
) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        await prepared(ground, bus)
        async with running(bus, ground) as member:
            await until(lambda: len(member.holds) == PARTITIONS)
            for partition in range(PARTITIONS):
                bus.doubt_next_commit(f"ns.registrar.{partition}", written=written)

            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q", "h2@q"))
            await until(lambda: read_to_the_end(ground, bus))

        assert (await rows(ground, bus))["a"].open == 2


@pytest.mark.parametrize("seed", range(5))
async def test_processes_killed_at_any_point_lose_and_double_nothing(
    ground: Ground, seed: int
) -> None:
    choice = random.Random(seed)
    lives = {f"task-{n}": a_life(Story(f"task-{n}"), hops=3) for n in range(12)}
    async with ground.bus() as bus:
        await prepared(ground, bus)
        for step in range(len(lives["task-0"])):
            for life in lives.values():
                await ground.tell(bus, life[step])

        for _ in range(12):
            victim = await ground.connect()
            assert isinstance(victim, InProcessBus)
            member = registrar(victim, "ns", WallClock(), batch_records_max=5)
            task = asyncio.create_task(member.run())
            for _ in range(choice.randint(1, 120)):
                await asyncio.sleep(0)
            victim.kill()
            task.cancel()
            await asyncio.wait([task])
            for member_id in await bus.admin.members("ns.registrar"):
                await bus.admin.remove_member("ns.registrar", member_id)
        async with running(bus, ground):
            await until(lambda: read_to_the_end(ground, bus))

        found = await rows(ground, bus)
        assert {facts.state.value for facts in found.values()} == {"completed"}
        assert {facts.invocations for facts in found.values()} == {7}
        assert len(await ends(ground, bus)) == len(lives)


async def test_an_offset_that_expired_is_known_from_the_rows(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        await prepared(ground, bus)
        async with running(bus, ground):
            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q"))
            await until(lambda: read_to_the_end(ground, bus))
        bus.broker.group("ns.registrar").offsets.clear()
        await ground.tell(bus, story.finished("h1", topic="q"))

        async with running(bus, ground):
            await until(lambda: states_are(ground, bus, {"a": "completed"}))

        assert (await rows(ground, bus))["a"].invocations == 2


async def states_are(ground: Ground, bus: Bus, wanted: dict[str, str]) -> bool:
    return await states(ground, bus) == wanted


async def test_a_stray_record_on_the_ledger_stops_nothing(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground):
            for partition in range(PARTITIONS):
                stray = Outgoing("ns.ledger", b"a", b"\xff\x00", (), partition)
                await bus.sender().send(stray)
            await ground.tell(bus, story.accepted())
            await until(lambda: read_to_the_end(ground, bus))

        assert await states(ground, bus) == {"a": "working"}


async def test_a_foreign_record_among_the_rows_ends_the_registrar_by_name(ground: Ground) -> None:
    async with ground.bus() as bus:
        await prepared(ground, bus)
        await bus.sender().send(Outgoing("ns.tasks", b"k", b"not a row", (), 1))

        with pytest.raises(Exception, match="HR-LEDG-003"):
            await registrar(bus, "ns", WallClock()).run()


async def test_a_cut_off_process_gives_its_partitions_up_and_the_next_one_goes_on(
    ground: Ground,
) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        lonely = await ground.connect()
        assert isinstance(lonely, InProcessBus)
        async with running(lonely, ground) as first:
            await until(lambda: len(first.holds) == PARTITIONS)
            await ground.tell(bus, story.accepted())
            await until(lambda: read_to_the_end(ground, bus))
            lonely.cut_off()
            for member_id in await bus.admin.members("ns.registrar"):
                await bus.admin.remove_member("ns.registrar", member_id)

            async with running(bus, ground) as second:
                await until(lambda: len(second.holds) == PARTITIONS)
                await ground.tell(bus, story.finished("s1", "h1@q", "h2@q"))
                await until(lambda: read_to_the_end(ground, bus))
                lonely.reconnect()
                await until(lambda: len(first.holds) + len(second.holds) == PARTITIONS)
                await ground.tell(bus, story.finished("h1", topic="q"))
                await until(lambda: read_to_the_end(ground, bus))

        assert (await rows(ground, bus))["a"].open == 1
        await lonely.close()
