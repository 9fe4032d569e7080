"""What is promised about many dead letters that are sent back together, on any broker."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail import Context, Effect, Integrity, Reach, Refused, State, agent, results, tool
from handrail.lane.wave import CANARY_WAIT_S, LAST_WAIT_S, Halted, Pace
from handrail.ledger.projection import Projection
from handrail.runtime.dead_letters import Fate, all_letters
from handrail.runtime.dead_wave import Ground, Sent, Settlement, run_wave
from handrail.testing import Team
from handrail.testing.letters import open_letters
from handrail.testing.task import TeamTask
from handrail.wire.settling import Edited
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]
NO = Refused(State.INVALID_INPUT, "no such thing")


class World:
    """Which jobs fail, and which were carried out."""

    def __init__(self) -> None:
        self.wrong: set[str] = set()
        self.done: list[str] = []


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> World:
    WORLD.__init__()  # type: ignore[misc]  # the tool below knows it by its name
    return WORLD


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up."""
    if text in WORLD.wrong:
        raise NO
    WORLD.done.append(text)
    return text


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    return await ctx.call(look, text)


async def dead_ones(team: Team, world: World, names: str) -> list[TeamTask]:
    """Let a job die for each name, in this order."""
    team.allow(look)
    world.wrong = set(names)
    tasks: list[TeamTask] = []
    for name in names:
        task = await team.submit(jobs, name)
        await task.until("failed")
        await team.advance(seconds=1)  # so that each has died at a time of its own
        tasks.append(task)
    return tasks


async def wave(
    team: Team, folder: Path, settlement: Settlement, pace: Pace
) -> tuple[list[Sent], Halted]:
    """Settle every dead letter there is, while time goes on."""
    projection = Projection(folder / "p.sqlite")
    ground = Ground(team.bus, team.namespace, projection, team.clock)
    letters = await all_letters(team.bus, team.namespace, whole=False)
    running = asyncio.create_task(run_wave(ground, letters, settlement, pace))
    try:
        while not running.done():
            await team.advance(seconds=1)
            await asyncio.wait({running}, timeout=0.05)
        return await running
    finally:
        running.cancel()
        await asyncio.wait({running})
        projection.close()


async def test_a_wave_sends_the_first_one_alone_and_then_all_others(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(clerk, tools=[look]) as team:
        tasks = await dead_ones(team, world, "abcd")
        world.wrong.clear()
        sent, halted = await wave(team, tmp_path, Settlement(by="ann"), Pace())

        assert halted is Halted.DONE
        assert [one.fate for one in sent] == [Fate.ENDED] * 4
        assert sorted(world.done) == [*"abcd"]
        assert world.done[0] == "a"
        for task in tasks:
            await task.until("completed")


async def test_a_letter_that_was_refused_before_is_judged_by_what_comes_of_this_time(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(clerk, tools=[look]) as team:
        (task,) = await dead_ones(team, world, "a")
        world.wrong.clear()
        unfit = Edited(type=jobs.type_of("b"), message=b"7")
        edited = Edited(type=jobs.type_of("b"), message=jobs.encode("b"))
        first, _ = await wave(team, tmp_path, Settlement(by="ann", edited=unfit), Pace())
        await team.kill(clerk)
        again = asyncio.create_task(
            wave(team, tmp_path, Settlement(by="ann", edited=edited), Pace())
        )
        await asyncio.wait({again}, timeout=0.5)
        await team.restart(clerk)
        sent, _ = await again

        assert [one.fate for one in first] == [Fate.REFUSED]
        assert [(one.fate, one.words) for one in sent] == [(Fate.ENDED, "")]
        await task.until("completed")
        assert world.done == ["b"]


async def test_a_wave_whose_first_one_dies_again_sends_no_other(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(clerk, tools=[look]) as team:
        tasks = await dead_ones(team, world, "abc")
        world.wrong = {"a"}
        sent, halted = await wave(team, tmp_path, Settlement(by="ann"), Pace())

        assert halted is Halted.CANARY_FAILED
        assert [one.fate for one in sent] == [Fate.DIED]
        assert world.done == []
        assert [len(await open_letters(team, task)) for task in tasks] == [1, 1, 1]


async def test_a_wave_stops_when_too_many_die_again(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(clerk, tools=[look]) as team:
        tasks = await dead_ones(team, world, "abcdefghij")
        world.wrong = set("cdefghij")
        sent, halted = await wave(
            team, tmp_path, Settlement(by="ann"), Pace(canary=1, rate_per_s=0.2)
        )

        assert halted is Halted.TOO_MANY_FAILED
        assert len(sent) < len(tasks)
        assert sorted(world.done) == [*"ab"]


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> str:
    """Look something up, then ask a person."""
    found = await ctx.call(look, text)
    return f"{found}: {await ctx.ask_person(f'{text}?')}"


async def test_a_wave_does_not_wait_along_with_one_that_waits_for_a_person(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(asker, tools=[look]) as team:
        tasks = await dead_ones(team, world, "ab")
        world.wrong.clear()
        began_ms = team.clock.now_ms()
        sent, halted = await wave(team, tmp_path, Settlement(by="ann"), Pace())

        assert halted is Halted.CANARY_WAITING
        assert [(one.fate, one.words) for one in sent] == [(Fate.WAITING, "question")]
        assert team.clock.now_ms() - began_ms < 1_000 * CANARY_WAIT_S / 2
        assert len(await open_letters(team, tasks[1])) == 1

        await team.answer(tasks[0], "yes")
        await tasks[0].until("completed")


async def test_the_last_of_a_wave_may_wait_for_a_person(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(asker, tools=[look]) as team:
        (task,) = await dead_ones(team, world, "a")
        world.wrong.clear()
        began_ms = team.clock.now_ms()
        sent, halted = await wave(team, tmp_path, Settlement(by="ann"), Pace())

        assert (halted, [one.fate for one in sent]) == (Halted.DONE, [Fate.WAITING])
        assert team.clock.now_ms() - began_ms < 1_000 * LAST_WAIT_S / 2
        await team.answer(task, "yes")
        await task.until("completed")


async def test_a_wave_gives_up_what_nobody_wants_any_more(
    team_of: TeamOf, world: World, tmp_path: Path
) -> None:
    async with team_of(clerk, tools=[look]) as team:
        tasks = await dead_ones(team, world, "ab")
        away = Settlement(by="ann", discard_why="nobody wants it")
        sent, halted = await wave(team, tmp_path, away, Pace(canary=0))

        assert halted is Halted.DONE
        assert [one.fate for one in sent] == [Fate.DISCARDED] * 2
        assert [await open_letters(team, task) for task in tasks] == [[], []]
