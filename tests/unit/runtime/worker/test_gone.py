"""What is left of a run once its handler has ended."""

import gc
import weakref

from handrail import Context, Effect, Topic, agent, results
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.waiting import RunSteps
from handrail.testing import Team

jobs = Topic("jobs", carries=str)
runs: list["weakref.ref[RunSteps]"] = []


async def think(text: str) -> str:
    """Stand for a model."""
    return text


@agent(reads=jobs, writes=results)
async def thinker(text: str, ctx: Context) -> str:
    """Think as a recorded step."""
    assert isinstance(ctx, RunContext)
    runs.append(weakref.ref(ctx.steps))
    return await ctx.step(think, text, effect=Effect.PAID)


async def test_a_run_that_has_ended_is_gone_without_the_collector_of_cycles() -> None:
    runs.clear()
    gc.disable()
    try:
        async with Team(thinker) as team:
            task = await team.submit(jobs, "a")
            assert await task.result(str) == "a"
            await team.settle()

            assert [run() for run in runs] == [None]
    finally:
        gc.enable()
