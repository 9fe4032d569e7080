"""What lanes promise about the budget of a task, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest

from handrail import (
    Context,
    Cost,
    Effect,
    Integrity,
    Parts,
    Reach,
    Refused,
    State,
    Topic,
    agent,
    results,
    tool,
)
from handrail.cli.show import money_in_words
from handrail.ledger.event import RequestKind
from handrail.ledger.rail_event import BudgetWarned
from handrail.testing import Team
from tests.promises.step_tools import WORLD, Acts, jobs, ledger

TeamOf = Callable[..., Team]

halves = Topic("halves", carries=str)


@tool(effect=Effect.UNSAFE, cost=Cost(0.4), reach=Reach.TENANT, gives=Integrity.INTERNAL)
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
        asked = await task.task.explanation()
        assert "0.20 is left of the budget of this task, and rent costs up to 0.40." in asked
        assert len(acts.done) == 2
        await team.answer(task, 0.2)

        await task.until("completed")
        assert await task.result(str) == "x first third"
        assert len(acts.done) == 3
        told = [one for one in await ledger(team) if isinstance(one, BudgetWarned)]
        # The second had 0.6 of 1, and a person gave 0.2 more.
        assert [(one.agent, one.limit_micros, one.left_micros) for one in told] == [
            ("second", 800_000, 0)
        ]


async def test_what_a_person_is_asked_to_give_more_of_is_a_budget_and_what_is_given_is_told(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(first, second, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "1.00"
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        facts = await task.task.facts()
        assert facts is not None
        assert [one.kind for one in facts.requests] == [RequestKind.BUDGET]
        assert "a larger budget" in await task.task.explanation()

        await team.answer(task, 0.2, by="ann")

        await task.until("completed")
        said = money_in_words(facts, await ledger(team))
        assert "People have raised its budget by 0.20: ann by 0.20." in said


async def test_most_of_a_budget_is_told_once_whatever_ends(team_of: TeamOf, acts: Acts) -> None:
    async with team_of(first, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "0.5"
        await team.kill(first, at="after_outcome_commit/rent")
        task = await team.submit(jobs, "x")
        await team.restart(first)
        await task.until("completed")

        told = [one for one in await ledger(team) if isinstance(one, BudgetWarned)]
        assert [(one.limit_micros, one.left_micros) for one in told] == [(500_000, 100_000)]
        assert len(acts.done) == 1


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


@tool(effect=Effect.PAID, cost=Cost(1), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def think(text: str) -> str:
    """Have something thought about, for money."""
    WORLD.done.append(f"think {text}")
    if text == "hard":
        raise TimeoutError
    return text


@tool(effect=Effect.READ, cost=Cost(1), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up, for money."""
    WORLD.done.append(f"look {text}")
    raise ConnectionError


@agent(reads=jobs, writes=results)
async def thinker(text: str, ctx: Context) -> str:
    if text == "look":
        return await ctx.call(look, text)
    return await ctx.call(think, text)


@pytest.mark.parametrize("text", ["hard", "look"])
async def test_another_try_of_what_failed_finds_no_full_budget(
    team_of: TeamOf, acts: Acts, text: str
) -> None:
    async with team_of(thinker, tools=[think, look], partitions=1) as team:
        team.allow(think)
        team.allow(look)
        team.client.budget = "2"
        task = await team.submit(jobs, text)
        for _ in range(20):
            if await task.state() == "input_required":
                break
            await team.advance(seconds=60)

        assert await task.state() == "input_required"
        assert len(acts.done) == 2
        await team.answer(task, 1)
        for _ in range(20):
            if len(acts.done) == 3 and await task.state() == "input_required":
                break
            await team.advance(seconds=60)
        assert len(acts.done) == 3
        await team.answer(task, 0)
        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.cost == "3"


async def test_what_is_paid_for_again_after_a_crash_is_spent_twice(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(thinker, tools=[think, look], partitions=1) as team:
        team.allow(think)
        team.client.budget = "1"
        await team.kill(thinker, at="after_act/think")
        task = await team.submit(jobs, "x")
        await team.restart(thinker)
        await task.until("input_required")
        assert acts.done == ["think x"]
        await team.answer(task, 1)

        assert await task.result(str) == "x"
        assert acts.done == ["think x", "think x"]


parts, ends = Topic("parts", carries=str), Topic("ends", carries=str)


@agent(reads=jobs, writes=parts)
async def splitter(text: str) -> list[str]:
    return [f"{text} {number}" for number in range(2)]


@agent(reads=parts, writes=ends)
async def worker(text: str, ctx: Context) -> str:
    await ctx.call(rent, text)
    await ctx.call(rent, f"{text} again")
    if "healed" not in WORLD.keys:
        raise Refused(State.INVALID_INPUT, "it is of no use")
    return await ctx.call(rent, f"{text} once more")


@agent(reads=ends, writes=results)
async def gatherer(found: Parts[str], ctx: Context) -> str:
    for number in range(3):
        try:
            await ctx.call(rent, f"{len(found.missing)} lost, {number}")
        except Refused as no:
            return f"{number}: {no.state}"
    return "all"


async def test_a_gather_gets_what_lost_parts_have_left_and_they_do_not_spend_it_once_more(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(splitter, worker, gatherer, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "2.4"
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        letters = await task.dead_letters()
        assert [letter.failure.cost for letter in letters] == ["0.8", "0.8"]
        assert dict(letters[0].headers)["ce_budget"] == b"1.2"
        assert len(acts.done) == 4 + 2
        await team.answer(task, 0)
        assert await task.result(str) == "2: budget_exhausted"

        acts.keys.append("healed")
        await team.redrive(task)
        await task.until("input_required")
        await team.advance(seconds=2)

        assert len(acts.done) == 4 + 2


@agent(reads=jobs, writes=results)
async def waiter(text: str, ctx: Context) -> str:
    await ctx.call(rent, text)
    return await ctx.ask_person("Go on?", returns=str)


async def test_what_dies_of_its_deadline_while_it_rests_says_what_it_had_spent(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(waiter, tools=[rent], partitions=1) as team:
        team.allow(rent)
        team.client.budget = "1"
        task = await team.submit(jobs, "x", deadline_s=600)
        await task.until("input_required")
        assert acts.done == ["rent x"]
        await team.advance(seconds=700)
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"
        assert letter.failure.cost == "0.4"
