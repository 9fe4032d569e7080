"""What lanes promise about the budget of a task, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest

from handrail import Context, Cost, Effect, Refused, Topic, agent, results, tool
from handrail.testing import Team
from tests.promises.step_tools import WORLD, Acts, jobs

TeamOf = Callable[..., Team]

halves = Topic("halves", carries=str)


@tool(effect=Effect.UNSAFE, cost=Cost(0.4))
async def rent(text: str) -> str:
    """Rent something."""
    WORLD.done.append(f"rent {text}")
    return text


@agent(reads=jobs, writes=halves)
async def first(text: str, ctx: Context) -> str:
    return await ctx.call(rent, f"{text} first")


@agent(reads=halves, writes=results)
async def second(text: str, ctx: Context) -> str:
    try:
        await ctx.call(rent, f"{text} second")
        return await ctx.call(rent, f"{text} third")
    except Refused as no:
        return no.state.value


async def test_what_is_left_travels_and_at_the_end_of_it_a_person_is_asked(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(first, second, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "1.00"
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        assert "rent costs 0.4" in await task.task.explanation()
        assert len(acts.done) == 2
        await team.answer(task, 0.2)

        await task.until("completed")
        assert await task.result(str) == "x first third"
        assert len(acts.done) == 3


async def test_whoever_raises_nothing_refuses_it(team_of: TeamOf, acts: Acts) -> None:
    async with team_of(first, second, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "0.9"
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        await team.answer(task, 0)

        await task.until("completed")
        assert await task.result(str) == "budget_exhausted"
        assert len(acts.done) == 2


@pytest.mark.parametrize("moment", ["before_intent/rent:2", "after_outcome_commit/rent"])
async def test_no_restart_refills_it(team_of: TeamOf, acts: Acts, moment: str) -> None:
    async with team_of(first, second, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "0.9"
        await team.kill(second, at=moment)
        task = await team.submit(jobs, "x")
        if moment.endswith("commit/rent"):
            await team.restart(second)
            await task.until("input_required")
        else:
            await task.until("input_required")
            await team.answer(task, 1)
            await team.restart(second)
            await team.advance(seconds=3)
            await task.until("completed")
            assert len(acts.done) == 3
            return
        assert len(acts.done) == 2
        await team.answer(task, 0)
        await task.until("completed")
        assert await task.result(str) == "budget_exhausted"


async def test_a_task_without_a_budget_is_not_asked(team_of: TeamOf, acts: Acts) -> None:
    async with team_of(first, second, tools=[rent], partitions=1) as team:
        team.allow(rent)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "x first third"
        assert len(acts.done) == 3
