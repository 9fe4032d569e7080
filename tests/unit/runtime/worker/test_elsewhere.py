"""What is told late to a lane that has begun the same step anew itself."""

import asyncio

import pytest

from handrail import Context, Effect, Topic, agent, results, tool
from handrail.lane.steps import Asked
from handrail.runtime.worker.flights import Flight
from handrail.runtime.worker.letting_go import take_back
from handrail.runtime.worker.moved_acts import Released
from handrail.testing import Team, TeamTask
from handrail.wire.late_outcome import LateOutcome, LateState
from tests.waiting import until

jobs = Topic("jobs", carries=str)


@tool(effect=Effect.PAID)
async def rent(text: str) -> str:
    """Rent something for money."""
    raise AssertionError(f"the test stands in for this tool, but it was called with {text}")


async def test_what_is_told_late_waits_until_an_attempt_of_its_own_is_committed() -> None:
    gate, entered, calls = asyncio.Event(), asyncio.Event(), list[str]()

    async def slow(text: str) -> str:
        calls.append(text)
        return "rented here"

    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        entered.set()
        await gate.wait()
        return await ctx.call(rent, text)

    gate.set()
    async with Team(clerk, tools=[rent], partitions=1) as team:
        team.fake(rent, does=slow)
        await team.kill(clerk, at="after_intent_commit")
        task = await team.submit(jobs, "x")
        await until(lambda: team.members[0].kill_point.reached_it.is_set(), what="it has died")
        gate.clear()
        entered.clear()
        await team.restart(clerk)
        await until(entered.is_set, what="it is carried out anew")
        (lane,) = team.members[0].process.lanes
        assert lane.lane is not None
        assert lane._committer is not None
        committer, stepped = lane._committer, lane.lane
        await committer.flush()
        committer.suspend()
        gate.set()
        await until(lambda: len(committer._queue) == 1, what="its own intent waits for its commit")
        (invocation,) = (key for key in stepped.steps._logs if stepped.steps.known(key, "1"))
        facts = {"ok": True, "attempt": 1}
        late = LateOutcome(invocation, "1", 1, LateState.ENDED, facts, b'"rented there"')
        answers = team.full("clerk.answers")
        await team.bus.sender().send(late.outgoing(answers, 0, team.clock.now_ms()))

        async def looked_at() -> bool:
            await team.advance(seconds=1)  # answers are looked at once a second
            return len(committer._queue) == 2 or stepped.answers > 0

        await until(looked_at, what="it was looked at")

        assert stepped.answers == 0
        assert calls == []

        await team.kill(clerk)
        await team.restart(clerk)
        assert await task.result(str) == "rented there"
        assert calls == []


async def goes_on(team: Team, task: TeamTask) -> bool:
    await team.advance(seconds=1)  # answers are looked at once a second
    return await task.state() == "completed"


@pytest.mark.parametrize(("epochs_ago", "is_waited_for"), [(0, True), (1, False)])
async def test_an_act_of_which_the_journal_does_not_know_hides_no_attempt_of_the_same_number(
    epochs_ago: int, is_waited_for: bool
) -> None:
    gate = asyncio.Event()

    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        await gate.wait()
        return await ctx.call(rent, text)

    gate.set()
    async with Team(clerk, tools=[rent], partitions=1) as team:
        team.fake(rent, does=lambda text: text)
        await team.kill(clerk, at="after_intent_commit")
        task = await team.submit(jobs, "x")
        await until(lambda: team.members[0].kill_point.reached_it.is_set(), what="it has died")
        gate.clear()
        await team.restart(clerk)
        (runner,) = team.members[0].process.lanes
        assert runner.lane is not None
        assert runner._carrier is not None
        steps, ground = runner.lane.steps, runner._carrier.ground
        (record,) = (one for key in steps._logs if (one := steps.known(key, "1")))
        assert record.intent is not None
        asked = Asked("1", "rent", "", "rent(x)", Effect.PAID)
        flight = Flight(record.intent.invocation, asked, 1, 10.0)
        flight.begun_in = record.intent.epoch - epochs_ago

        runner._moved.take(Released(runner.place, [flight]))
        take_back(ground, runner._moved)
        assert (steps.releases.until_ms(record.intent) is not None) is is_waited_for

        gate.set()
        await until(lambda: goes_on(team, task), what="it is done, or told that it has not begun")
        assert await task.result(str) == "x"
