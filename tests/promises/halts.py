"""What pausing and draining promise, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from handrail import Context, Effect, Integrity, Reach, Topic, agent, results, tool
from handrail.errors import TaskCanceled
from handrail.runtime.holding import halted
from handrail.testing import Team
from handrail.testing.task import TeamTask
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def rent(text: str) -> str:
    """Rent something."""
    raise AssertionError(f"every test stands in for this tool, but it was called with {text}")


@agent(reads=jobs, writes=results)
async def renter(text: str, ctx: Context) -> str:
    first = await ctx.call(rent, f"{text} 1")
    return f"{first}, {await ctx.call(rent, f'{text} 2')}"


class Provider:
    """Counts its calls; the first of each pair ends when it may."""

    def __init__(self, team: Team) -> None:
        self.calls: Counter[str] = Counter()
        self.opened = asyncio.Event()
        team.fake(rent, does=self.work)

    async def work(self, text: str) -> str:
        self.calls[text] += 1
        if text.endswith("1"):
            await self.opened.wait()
        return text


async def known(team: Team, count: int) -> None:
    """Wait until every process knows of so many switches."""

    def all_know() -> bool:
        controls = [member.process._control.switches.holds for member in team.members]
        return all(len(list(holds)) == count for holds in controls)

    await until(all_know, what=f"every process knows of {count} switches")


async def says_why(task: TeamTask, reason: str) -> bool:
    """Say whether what the task says of itself names this reason by now."""
    return reason in await task.task.explanation()


@pytest.mark.parametrize("tenant", [None, "default"])
async def test_what_is_paused_ends_its_act_and_begins_nothing_until_it_is_resumed(
    team_of: TeamOf, tenant: str | None
) -> None:
    whom = {"agent": "renter"} if tenant is None else {"tenant": tenant}
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = Provider(team)
        running = await team.submit(jobs, "a")
        await until(lambda: provider.calls == {"a 1": 1})
        await team.client.pause(**whom, reason="too dear")
        await known(team, 1)
        waiting = await team.submit(jobs, "b")
        provider.opened.set()
        for _ in range(40):
            await team.advance(seconds=1)
        assert provider.calls == {"a 1": 1}, "the act ends, and no other begins"
        await until(lambda: says_why(running, "too dear"), what="the task says why it stands still")

        await team.client.resume(**whom)
        await known(team, 0)
        await team.advance(seconds=1)
        assert await running.result(str) == "a 1, a 2"
        assert await waiting.result(str) == "b 1, b 2"
        assert set(provider.calls.values()) == {1}


async def test_what_is_drained_ends_what_it_has_begun_and_begins_nothing_new(
    team_of: TeamOf,
) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = Provider(team)
        running = await team.submit(jobs, "a")
        await until(lambda: provider.calls == {"a 1": 1})
        await team.client.drain(agent="renter")
        await known(team, 1)
        waiting = await team.submit(jobs, "b")
        provider.opened.set()

        assert await running.result(str) == "a 1, a 2"
        await team.advance(seconds=5)
        assert provider.calls == {"a 1": 1, "a 2": 1}
        await team.client.resume(agent="renter")
        await known(team, 0)
        await team.advance(seconds=1)
        assert await waiting.result(str) == "b 1, b 2"


async def test_a_pause_holds_for_whoever_opens_the_lane_next(team_of: TeamOf) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = Provider(team)
        running = await team.submit(jobs, "a")
        await until(lambda: provider.calls == {"a 1": 1})
        await team.client.pause(agent="renter")
        await known(team, 1)
        leaving = asyncio.create_task(team.stop(renter))
        await until(lambda: team.members == [])
        provider.opened.set()
        await leaving
        await team.start(renter)
        await team.advance(seconds=5)
        assert provider.calls == {"a 1": 1}
        assert [hold.target.name for hold in await halted(team.bus, team.namespace)] == ["renter"]

        await team.client.resume(agent="renter")
        await known(team, 0)
        await team.advance(seconds=1)
        assert await running.result(str) == "a 1, a 2"
        assert set(provider.calls.values()) == {1}


async def test_a_cancel_ends_what_is_paused(team_of: TeamOf) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = Provider(team)
        provider.opened.set()
        await team.client.pause(tenant="default")
        await known(team, 1)
        task = await team.submit(jobs, "a")
        await team.advance(seconds=2)
        await task.task.cancel()
        with pytest.raises(TaskCanceled):
            await task.result(str)
        assert provider.calls == {}
        await team.client.resume(tenant="default")
