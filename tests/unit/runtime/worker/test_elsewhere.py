"""What is told late to a lane that has begun the same step anew itself."""

import asyncio

from handrail import Context, Effect, Topic, agent, results, tool
from handrail.testing import Team
from handrail.wire.late_outcome import LateOutcome, LateState
from tests.waiting import until

jobs = Topic("jobs", carries=str)


@tool(effect=Effect.PAID)
async def rent(text: str) -> str:
    """Rent something for money."""
    raise AssertionError(f"the test stands in for this tool, but it was called with {text}")


async def test_what_is_told_late_waits_until_an_attempt_of_its_own_is_committed() -> None:
    gate, calls = asyncio.Event(), list[str]()

    async def slow(text: str) -> str:
        calls.append(text)
        return "rented here"

    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        await gate.wait()
        return await ctx.call(rent, text)

    gate.set()
    async with Team(clerk, tools=[rent], partitions=1) as team:
        team.fake(rent, does=slow)
        await team.kill(clerk, at="after_intent_commit")
        task = await team.submit(jobs, "x")
        await until(lambda: team.members[0].kill_point.reached_it.is_set(), what="it has died")
        gate.clear()
        await team.restart(clerk)
        (lane,) = team.members[0].process.lanes
        assert lane.lane is not None
        assert lane._committer is not None
        committer, stepped = lane._committer, lane.lane
        committer.suspend()
        gate.set()
        await until(lambda: len(committer._queue) == 1, what="its own intent waits for its commit")
        (invocation,) = (key for key in stepped.steps._logs if stepped.steps.known(key, "1"))
        facts = {"ok": True, "attempt": 1}
        late = LateOutcome(invocation, "1", 1, LateState.ENDED, facts, b'"rented there"')
        answers = team.full("clerk.answers")
        await team.bus.sender().send(late.outgoing(answers, 0, team.clock.now_ms()))
        await team.advance(seconds=2)
        await until(lambda: len(committer._queue) == 2 or stepped.answers, what="it was looked at")

        assert stepped.answers == 0
        assert calls == []

        await team.kill(clerk)
        await team.restart(clerk)
        assert await task.result(str) == "rented there"
        assert calls == []
