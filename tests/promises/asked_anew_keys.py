"""What is promised of a question that is asked anew and holds its key back, on any broker."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Context, Topic, agent, results
from handrail.lane.journal import Entry, Kind, decode_entry
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.letters import open_letters, settle_letter
from handrail.testing.task import TeamTask
from tests.promises.asked_anew import (
    NO,
    WORLD,
    World,
    again,
    both_died,
    comes_to,
    letter_of,
    result_of,
    world,
)
from tests.promises.step_tools import TOOLS, Acts, jobs, pay
from tests.promises.step_tools import WORLD as ACTS
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_question_for_which_as_many_wait_as_may_is_taken_in_when_it_comes_anew",
    "test_a_question_that_dies_once_more_is_still_before_what_waited_behind_it",
    "test_a_question_that_is_refused_when_it_comes_anew_lets_nothing_start_before_it",
    "test_of_two_letters_the_one_that_is_left_still_holds_back_what_waits_behind_it",
    "test_the_letter_of_a_question_that_came_later_is_sent_back_to_the_place_of_the_first",
    "test_what_waited_behind_a_question_does_so_whoever_is_killed",
    "world",
]

IN_ORDER = ["pay x", "ended x", "ended y"]  #: paid once, and one after the other

keyed = Topic("keyed", carries=str, replies=int, key=lambda _: "same")


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> int:
    return await ctx.ask(keyed, text)


@agent(reads=keyed, followers="block_key")
async def holder(name: str, ctx: Context) -> int:
    """Pay, and die of what goes wrong after it; `early` dies before that."""
    if WORLD.wrong and name == "early":
        raise NO
    if name != "y":
        await ctx.call(pay, name)
    if WORLD.wrong and name == "x":
        raise NO
    if ACTS.done[-1:] != [f"ended {name}"]:  # its process may die before its end has committed
        ACTS.done.append(f"ended {name}")
    return 3


async def one_waits(team: Team, *, rests: bool) -> TeamTask:
    """Let another question of the key wait behind the dead one, in the inbox or at rest."""
    other = await team.submit(jobs, "y")

    async def has_come() -> bool:
        await team.advance(seconds=31 if rests else 1)
        lanes = [one.lane for member in team.members for one in member.process.lanes]
        held = [one for one in lanes if one is not None and one.waiting_count]
        return any(one.parked_count > 0 if rests else True for one in held)

    await until(has_come, what="the other question waits")
    await team.advance(seconds=2)
    return other


async def restarted(team: Team) -> None:
    """Wait until the holder has been killed, and start it again."""
    restarting = asyncio.create_task(team.restart(holder))
    while not restarting.done():
        await team.advance(seconds=1)
        await asyncio.wait({restarting}, timeout=0.2)
    await restarting


async def blocks_left(team: Team) -> list[Entry]:
    live: dict[bytes, Entry] = {}
    for record in await read_all(team.bus, team.full("holder.journal")):
        entry = decode_entry(record)
        live.pop(record.key or b"", None)
        if entry is not None and entry.kind is Kind.BLOCKED:
            live[record.key or b""] = entry
    return [*live.values()]


@pytest.mark.parametrize("rests", [False, True])
async def test_a_question_that_dies_once_more_is_still_before_what_waited_behind_it(
    team_of: TeamOf, acts: Acts, world: World, rests: bool
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await one_waits(team, rests=rests)
        for _ in range(2):
            world.wrong = True
            await settle_letter(team, task, await letter_of(team, task, "asker"))
            await comes_to(team, task, "failed")
            world.wrong = False
            await team.advance(seconds=2)
            await team.kill(holder)
            await team.restart(holder)
            await team.advance(seconds=2)
            assert acts.done == ["pay x"]
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 3
        assert await result_of(team, other) == 3
        assert acts.done == IN_ORDER
        assert await blocks_left(team) == []
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "moment",
    [
        "before_redrive",
        "after_redrive_commit",
        "before_final",
        "after_final_commit",
    ],
)
@pytest.mark.parametrize("dies", [False, True])
async def test_what_waited_behind_a_question_does_so_whoever_is_killed(
    team_of: TeamOf, acts: Acts, world: World, moment: str, dies: bool
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await one_waits(team, rests=True)
        world.wrong = dies
        await team.kill(holder, at=moment)
        await settle_letter(team, task, await letter_of(team, task, "asker"))
        await restarted(team)
        if dies:
            await comes_to(team, task, "failed")
            await team.advance(seconds=2)
            assert acts.done == ["pay x"]
            world.wrong = False
            await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 3
        assert await result_of(team, other) == 3
        assert acts.done == IN_ORDER
        assert await blocks_left(team) == []
        assert await open_letters(team, task) == []
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


async def test_a_question_for_which_as_many_wait_as_may_is_taken_in_when_it_comes_anew(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await one_waits(team, rests=False)
        lanes = [one.lane for member in team.members for one in member.process.lanes]
        (lane,) = [one for one in lanes if one is not None and one.settings.inbox == "keyed"]
        lane._mailboxes._per_key_count_max = 1
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 3
        assert await result_of(team, other) == 3
        assert acts.done == IN_ORDER


async def refused_when_it_comes_anew(team: Team, task: TeamTask) -> None:
    """Let the dead question lie on its inbox once more, past its time, and have a second letter."""
    record = (await read_all(team.bus, team.full("keyed")))[0]
    late = tuple(
        (name, b"2020-01-01T00:00:00.000Z" if name == "ce_deadline" else value)
        for name, value in record.headers
    )
    await again(team, record, late)

    async def both() -> bool:
        await team.advance(seconds=1)
        return len(await letters_of_holder(team, task)) == 2

    await until(both, what="it has died once more, having begun nothing")
    await team.advance(seconds=2)


async def letters_of_holder(team: Team, task: TeamTask) -> list[int]:
    found = await open_letters(team, task)
    return sorted(one.id.offset for one in found if one.id.agent == "holder")


async def test_a_question_that_is_refused_when_it_comes_anew_lets_nothing_start_before_it(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await one_waits(team, rests=False)
        await refused_when_it_comes_anew(team, task)
        assert acts.done == ["pay x"]
        assert len(await blocks_left(team)) == 1
        await team.kill(holder)
        await team.restart(holder)
        await team.advance(seconds=2)
        assert acts.done == ["pay x"]
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 3
        assert await result_of(team, other) == 3
        assert acts.done == IN_ORDER
        assert await blocks_left(team) == []


async def test_the_letter_of_a_question_that_came_later_is_sent_back_to_the_place_of_the_first(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world, text="early")
        other = await one_waits(team, rests=True)
        await refused_when_it_comes_anew(team, task)
        first, second = sorted(
            [one for one in await open_letters(team, task) if one.id.agent == "holder"],
            key=lambda one: one.id.offset,
        )
        assert first.id != second.id
        await settle_letter(team, task, second)

        assert await result_of(team, other) == 3
        assert acts.done == ["pay early", "ended early", "ended y"]
        assert await blocks_left(team) == []


async def test_of_two_letters_the_one_that_is_left_still_holds_back_what_waits_behind_it(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, holder, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await one_waits(team, rests=False)
        await refused_when_it_comes_anew(team, task)
        held, lesser = sorted(
            [one for one in await open_letters(team, task) if one.id.agent == "holder"],
            key=lambda one: one.id.offset,
        )
        await settle_letter(team, task, lesser, discard_why="it holds nothing")
        await team.advance(seconds=2)
        assert acts.done == ["pay x"]
        await settle_letter(team, task, held, discard_why="not worth it")

        assert await result_of(team, other) == 3
        assert acts.done == ["pay x", "ended y"]
        assert await blocks_left(team) == []
