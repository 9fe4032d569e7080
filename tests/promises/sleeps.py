"""What a lane promises about steps that wait for a time, on whatever broker `team_of` uses."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from handrail import Context, agent, results
from handrail.lane.journal import Kind, decode_entry
from handrail.testing import Team
from handrail.testing.accounting import read_all
from tests.promises.step_tools import TOOLS, Acts, jobs, left_of_steps, look, pay, real
from tests.waiting import until

TeamOf = Callable[..., Team]


@agent(reads=jobs, writes=results)
async def sleeper(text: str, ctx: Context) -> str:
    await ctx.call(look, text)
    await ctx.sleep(timedelta(minutes=20))
    await ctx.call(pay, text)
    return f"woke for {text}"


@agent(reads=jobs, writes=results)
async def bear(text: str, ctx: Context) -> str:
    await ctx.sleep(timedelta(days=6))
    return f"woke for {text}"


async def parked(team: Team, agent_name: str) -> bool:
    kinds = set[Kind]()
    for record in await read_all(team.bus, team.full(f"{agent_name}.journal")):
        entry = decode_entry(record)
        if entry is not None:
            kinds.add(entry.kind)
    return Kind.PARKED in kinds


async def begun(team: Team, agent_name: str) -> bool:
    return any(entry.kind is Kind.INTENT for entry in await left_of_steps(team, agent_name))


async def test_a_sleeping_handler_rests_and_nothing_of_it_is_repeated_when_it_goes_on(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(sleeper, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await until(lambda: parked(team, "sleeper"))
        await team.advance(minutes=19, seconds=59)
        assert acts.done == ["look x"]
        await task.until("working")
        await team.advance(seconds=2)

        assert await task.result(str) == "woke for x"
        assert acts.done == ["look x", "pay x"]


@pytest.mark.parametrize("moment", ["before_intent/ctx.sleep", "after_final_commit"])
async def test_a_sleep_survives_its_process_and_ends_at_the_time_of_the_first_attempt(
    team_of: TeamOf, acts: Acts, moment: str
) -> None:
    async with team_of(sleeper, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(sleeper, at=moment)
        task = await team.submit(jobs, "x")
        await team.restart(sleeper)
        await until(lambda: parked(team, "sleeper"))
        await team.advance(minutes=10)
        await team.kill(sleeper)
        await team.advance(minutes=5)
        await team.restart(sleeper)
        await team.advance(minutes=4)
        assert "pay x" not in acts.done
        await team.advance(minutes=1, seconds=1)

        assert await task.result(str) == "woke for x"
        assert acts.done.count("pay x") == 1


async def test_a_sleep_of_days_that_is_over_while_nobody_runs_is_over_at_once(
    team_of: TeamOf,
) -> None:
    async with team_of(bear, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: parked(team, "bear"))
        await team.kill(bear)
        await team.advance(hours=24 * 6 + 1)
        await team.restart(bear)

        assert await task.result(str) == "woke for x"


async def test_a_short_sleep_stays_in_memory_and_its_handler_runs_once(team_of: TeamOf) -> None:
    runs: list[str] = []

    @agent(reads=jobs, writes=results)
    async def napper(text: str, ctx: Context) -> str:
        runs.append(text)
        await ctx.sleep(20)
        return text

    async with team_of(napper, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: begun(team, "napper"))
        await team.advance(seconds=19)
        await task.until("working")
        await team.advance(seconds=2)

        assert await task.result(str) == "x"
        assert not await parked(team, "napper")
    assert runs == ["x"]


async def test_a_short_sleep_whose_process_is_killed_goes_on_with_what_is_left_of_it(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def napper(text: str, ctx: Context) -> str:
        await ctx.sleep(20)
        return text

    async with team_of(napper, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: begun(team, "napper"))
        await team.advance(seconds=15)
        await team.kill(napper)
        await team.restart(napper)
        await team.advance(seconds=6)

        assert await task.result(str) == "x"


async def test_sleeps_and_acts_go_side_by_side_and_the_run_rests_when_only_sleeps_are_left(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def both(text: str, ctx: Context) -> str:
        await ctx.gather(ctx.sleep(600), ctx.call(pay, text), ctx.sleep(10))
        return text

    async with team_of(both, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await until(lambda: begun(team, "both"))
        await team.advance(seconds=11)
        await until(lambda: parked(team, "both"))
        assert acts.done == ["pay x"]
        await team.advance(minutes=10)

        assert await task.result(str) == "x"
    assert acts.done == ["pay x"]


async def test_a_handler_that_catches_its_suspension_commits_nothing_of_what_it_does_then(
    team_of: TeamOf, acts: Acts
) -> None:
    caught: list[str] = []

    @agent(reads=jobs, writes=results)
    async def stubborn(text: str, ctx: Context) -> str:
        try:
            await ctx.sleep(600)
        except asyncio.CancelledError:
            caught.append("once")
            try:
                await ctx.call(pay, text)
            except asyncio.CancelledError:
                caught.append("twice")
            return "never"
        finally:
            caught.append("finally")
        return text

    async with team_of(stubborn, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await until(lambda: parked(team, "stubborn"))
        assert caught == ["once", "twice", "finally"]
        await task.until("working")
        await team.advance(minutes=10, seconds=1)

        assert await task.result(str) == "x"
    assert acts.done == []


async def test_a_sleep_ends_with_its_task_s_deadline_and_with_its_cancel(team_of: TeamOf) -> None:
    async with team_of(sleeper, tools=TOOLS, partitions=1) as team:
        real(team)
        late = await team.submit(jobs, "x", deadline_s=600)
        stopped = await team.submit(jobs, "y")
        await until(lambda: parked(team, "sleeper"))
        await stopped.cancel()
        await stopped.until("canceled")
        await team.advance(seconds=602)

        await late.until("failed")
        (letter,) = await late.dead_letters()
        assert letter.failure.reason == "deadline"
        assert not await left_of_steps(team, "sleeper")


async def test_others_of_the_key_wait_behind_a_sleep_and_other_keys_do_not(team_of: TeamOf) -> None:
    done: list[str] = []

    @agent(reads=jobs, writes=results)
    async def napper(text: str, ctx: Context) -> str:
        if text == "long":
            await ctx.sleep(600)
        done.append(text)
        return text

    async with team_of(napper, partitions=1) as team:
        slow = await team.submit(jobs, "long")
        await until(lambda: parked(team, "napper"))
        quick = await team.submit(jobs, "quick")

        assert await quick.result(str) == "quick"
        await team.advance(minutes=11)
        assert await slow.result(str) == "long"
    assert done == ["quick", "long"]


async def test_random_numbers_are_the_same_in_every_run_of_an_invocation(team_of: TeamOf) -> None:
    drawn: list[list[float]] = []

    @agent(reads=jobs, writes=results)
    async def gambler(text: str, ctx: Context) -> str:
        mine = [ctx.random.random() for _ in range(3)]
        drawn.append(mine)
        await ctx.sleep(600)
        return f"{text} {mine[0]}"

    async with team_of(gambler, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: parked(team, "gambler"))
        await team.advance(minutes=11)
        await task.result(str)
        other = await team.submit(jobs, "x")
        await until(lambda: begun(team, "gambler"))
        await team.advance(minutes=11)
        await other.result(str)

    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
