"""What a step that is under way promises when its lane moves, on whatever broker `team_of` uses."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine

import pytest

from handrail import Context, Effect, Integrity, Reach, Refused, Topic, agent, results, tool
from handrail.lane.journal import LANE, Kind, decode_entry
from handrail.ledger.event import PersonAsked, StepWasted
from handrail.testing import Team, TeamTask
from handrail.testing.accounting import read_all
from tests.promises.step_tools import ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)
LARGE = 100_000


class Provider:
    """Somebody who works slowly: each call is counted when it begins, and ends when it may."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.cut_off: Counter[str] = Counter()
        self.opened = asyncio.Event()

    async def work(self, text: str) -> str:
        self.calls[text] += 1
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cut_off[text] += 1
            raise
        if text.startswith("bad"):
            raise ValueError(text)
        return f"done {text}" + "." * (LARGE if text.startswith("large") else 0)


@tool(effect=Effect.PAID, timeout_s=60.0, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def rent(text: str) -> str:
    """Rent something that takes its time."""
    raise AssertionError(f"every test stands in for this tool, but it was called with {text}")


@tool(effect=Effect.UNSAFE, timeout_s=60.0, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    raise AssertionError(f"every test stands in for this tool, but it was called with {text}")


@agent(reads=jobs, writes=results)
async def renter(text: str, ctx: Context) -> str:
    return (await ctx.call(rent, text))[:20]


@agent(reads=jobs, writes=results)
async def payer(text: str, ctx: Context) -> str:
    return await ctx.call(pay, text)


@agent(reads=jobs, writes=results)
async def careful(text: str, ctx: Context) -> str:
    try:
        return await ctx.call(rent, text)
    except Refused as no:
        return f"wrong: {no.state}, {no.detail}"


def slow(team: Team) -> Provider:
    """Let a slow provider answer for both tools."""
    provider = Provider()
    for one in (rent, pay):
        team.fake(one, does=provider.work)
    return provider


async def under_way(provider: Provider, count: int) -> None:
    await until(lambda: provider.calls.total() == count, what=f"{count} calls are under way")


async def told(team: Team, work: Coroutine[object, object, str]) -> str:
    """Let time pass, in which answers are looked at, until a result is there."""
    waiting = asyncio.ensure_future(work)

    async def is_there() -> bool:
        await team.advance(seconds=1)
        return waiting.done()

    await until(is_there, within_s=60, what="a result is there")
    return await waiting


async def wasted(team: Team) -> int:
    return sum(isinstance(event, StepWasted) for event in await ledger(team))


async def doubts(team: Team) -> int:
    return sum(isinstance(event, PersonAsked) for event in await ledger(team))


async def said(team: Team, name: str) -> list[Kind]:
    """Give what owners of the lanes of an agent have said about the lanes themselves."""
    found = [decode_entry(record) for record in await read_all(team.bus, team.full(name))]
    own = [entry.kind for entry in found if entry is not None and entry.invocation == LANE]
    return [kind for kind in own if kind is not Kind.PROGRESS]


async def test_a_paid_call_under_way_is_paid_once_when_another_process_joins(
    team_of: TeamOf,
) -> None:
    async with team_of(renter, tools=[rent], partitions=4) as team:
        provider = slow(team)
        tasks = [await team.submit(jobs, f"{n}") for n in range(12)]
        await under_way(provider, 12)
        await team.start(renter)
        provider.opened.set()

        for number, task in enumerate(tasks):
            assert await told(team, task.result(str)) == f"done {number}"
        assert set(provider.calls.values()) == {1}
        assert await wasted(team) == 0
        assert all(member.process.status()[0].finished for member in team.members)


@pytest.mark.parametrize("text", ["small", "large"])
async def test_a_paid_call_under_way_is_paid_once_when_its_process_is_asked_to_stop(
    team_of: TeamOf, text: str
) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, text)
        await under_way(provider, 1)
        await team.start(renter)
        leaving = asyncio.create_task(team.stop(renter))
        await until(lambda: owner_of_all(team) == 1, what="the successor has the partition")
        assert not leaving.done(), "the act goes on in the process that left"
        provider.opened.set()

        assert (await told(team, task.result(str))).startswith(f"done {text}")
        await leaving
        assert provider.calls == {text: 1}
        assert await wasted(team) == 0


async def test_an_error_that_comes_late_is_the_error_of_the_step(team_of: TeamOf) -> None:
    async with team_of(careful, tools=[rent], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "bad")
        await under_way(provider, 1)
        leaving = asyncio.create_task(team.stop(careful))
        await until(lambda: team.members == [])
        provider.opened.set()
        await leaving
        await team.start(careful)

        assert await told(team, task.result(str)) == (
            "wrong: internal, rent failed with ValueError; its words are in the log"
        )
        assert provider.calls == {"bad": 1}


async def test_an_unsafe_act_whose_outcome_came_late_puts_nobody_in_doubt(team_of: TeamOf) -> None:
    async with team_of(payer, tools=[pay], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "bill")
        await under_way(provider, 1)
        leaving = asyncio.create_task(team.stop(payer))
        await until(lambda: team.members == [])
        provider.opened.set()
        await leaving
        await team.start(payer)

        assert await told(team, task.result(str)) == "done bill"
        assert provider.calls == {"bill": 1}
        assert await doubts(team) == 0


async def test_an_outcome_that_comes_while_its_successor_waits_is_taken(team_of: TeamOf) -> None:
    async with team_of(payer, tools=[pay], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "bill")
        await under_way(provider, 1)
        await team.start(payer)
        leaving = asyncio.create_task(team.stop(payer))
        await until(lambda: owner_of_all(team) == 1, what="the successor has the partition")
        await team.advance(seconds=5)
        assert await doubts(team) == 0, "it is waited for"
        provider.opened.set()

        assert await told(team, task.result(str)) == "done bill"
        await leaving
        assert provider.calls == {"bill": 1}
        assert await doubts(team) == 0


async def test_whoever_died_after_letting_go_is_waited_for_no_longer_than_its_act_may_take(
    team_of: TeamOf,
) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "x")
        await under_way(provider, 1)
        await team.start(renter)
        leaver = team.members[0]
        leaving = asyncio.create_task(leaver.end())
        await until(lambda: owner_of_all(team, 1) == 1, what="the successor has the partition")
        await team.kill(renter)
        await asyncio.gather(leaving, return_exceptions=True)
        provider.opened.set()
        await team.advance(seconds=30)
        assert provider.calls == {"x": 1}, "the outcome could still come"
        await team.advance(seconds=60)

        assert await told(team, task.result(str)) == "done x"
        assert provider.calls == {"x": 2}
        assert await wasted(team) == 1


async def test_what_was_kept_and_then_killed_is_judged_by_its_class_at_once(
    team_of: TeamOf,
) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "x")
        await under_way(provider, 1)
        await team.start(renter)
        await until(lambda: owner_of_all(team) == 1, what="the partition has come back")
        assert Kind.RELEASED in await said(team, "renter.journal")
        await team.kill(renter)
        await under_way(provider, 2)
        provider.opened.set()

        assert await told(team, task.result(str)) == "done x"


@pytest.mark.parametrize("moment", ["after_late_outcome"])
async def test_a_successor_that_dies_after_it_read_what_came_late_costs_no_second_call(
    team_of: TeamOf, moment: str
) -> None:
    async with team_of(payer, tools=[pay], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "bill")
        await under_way(provider, 1)
        await team.start(payer)
        team.members[1].kill_point.countdown = None
        leaving = asyncio.create_task(team.stop(payer))
        await until(lambda: owner_of_all(team) == 1, what="the successor has the partition")
        await team.kill(payer, at=moment)
        provider.opened.set()
        await leaving
        await team.advance(seconds=2)
        await team.restart(payer)

        assert await told(team, task.result(str)) == "done bill"
        assert provider.calls == {"bill": 1}
        assert await doubts(team) == 0


async def test_nothing_is_cut_off_when_a_lane_only_has_to_be_opened_anew(team_of: TeamOf) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        provider = slow(team)
        task = await team.submit(jobs, "x")
        await under_way(provider, 1)
        (lane,) = team.members[0].process.lanes
        intruder = team.bus.lane_producer(lane.place.transactional_id)
        await intruder.init(deadline_s=10)
        await intruder.close()
        lane.check()
        await until(lambda: lane.lane is not None and lane.lane.epoch > 1 and lane.takes_records)
        provider.opened.set()

        assert await told(team, task.result(str)) == "done x"
        assert provider.calls == {"x": 1}
        assert not provider.cut_off


async def test_a_lane_in_which_nothing_runs_says_closed(team_of: TeamOf) -> None:
    async with team_of(renter, tools=[rent], partitions=1) as team:
        await team.stop(renter)

        assert (await said(team, "renter.journal"))[-1] is Kind.CLOSED
        await team.start(renter)


def owner_of_all(team: Team, number: int = 0) -> int:
    """Say how many partitions a member has open."""
    if len(team.members) <= number:
        return 0
    states = team.members[number].process.status()[0].partitions
    return sum(state == "open" for state in states.values())


@agent(name="renter", reads=jobs, writes=results, version="1.4")
async def older(text: str, ctx: Context) -> str:
    return f"older: {await ctx.call(rent, text)}"


@agent(name="renter", reads=jobs, writes=results, version="1.5")
async def newer(text: str, ctx: Context) -> str:
    return f"newer: {await ctx.call(rent, text)}"


@agent(name="renter", reads=jobs, writes=results, version="2")
async def other(text: str, ctx: Context) -> str:
    return f"other: {await ctx.call(pay, text)}"


async def begun_by_older(team: Team, text: str) -> TeamTask:
    """Let the older version record a step, and leave before its end."""
    provider = slow(team)
    provider.opened.set()
    await team.kill(older, at="after_outcome_commit")
    task = await team.submit(jobs, text)
    await until(lambda: team.members[0].kill_point.reached_it.is_set())
    await team.kill(older)
    return task


async def test_a_version_that_says_it_is_compatible_goes_on_where_the_other_was(
    team_of: TeamOf,
) -> None:
    async with team_of(older, tools=[rent, pay], partitions=1) as team:
        task = await begun_by_older(team, "x")
        await team.start(newer)

        assert await told(team, task.result(str)) == "newer: done x"
        assert len(team.calls(rent)) == 1


async def test_what_an_incompatible_version_has_begun_rests_until_that_version_is_back(
    team_of: TeamOf,
) -> None:
    async with team_of(older, tools=[rent, pay], partitions=1) as team:
        task = await begun_by_older(team, "x")
        await team.start(other)

        async def shown() -> bool:
            await team.advance(seconds=1)
            return "1.4" in (await task.task.explanation())

        await until(shown, what="which version it needs is shown")
        assert team.calls(pay) == []
        fresh = await team.submit(jobs, "y")
        assert await told(team, fresh.result(str)) == "other: done y"
        await team.stop(other)
        await team.start(older)

        assert await told(team, task.result(str)) == "older: done x"
        assert len(team.calls(rent)) == 1, "what was recorded is not done again"


questions = Topic("questions", carries=str, replies=str)


@agent(name="clerk", reads=jobs, writes=results, version="1")
async def asking(text: str, ctx: Context) -> str:
    asked = ctx.ask(questions, text) if text == "agent" else ctx.ask_person("Go on?", returns=str)
    return f"1: {await asked}"


@agent(name="clerk", reads=jobs, writes=results, version="2")
async def asking_no_more(text: str) -> str:
    return f"2: {text}"


@agent(reads=questions)
async def sage(text: str, ctx: Context) -> str:
    return f"{text} says {await ctx.ask_person('What do I say?', returns=str)}"


@pytest.mark.parametrize(("text", "said"), [("agent", "agent says yes"), ("person", "yes")])
async def test_an_answer_that_an_incompatible_version_took_waits_for_the_version_that_asked(
    team_of: TeamOf, text: str, said: str
) -> None:
    async with team_of(asking, sage, partitions=1) as team:
        task = await team.submit(jobs, text)
        await task.until("input_required")
        await team.stop(asking)
        await team.start(asking_no_more)
        await team.answer(task, "yes")

        async def shown() -> bool:
            await team.advance(seconds=1)
            return "Version 1 of agent clerk" in (await task.task.explanation())

        await until(shown, what="which version it needs is shown")
        await team.stop(asking_no_more)
        await team.start(asking)

        assert await told(team, task.result(str)) == f"1: {said}"
