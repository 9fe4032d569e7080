"""A cancellation that is not the lane's own is the handler's failure, and costs nobody else."""

import asyncio

from handrail import Topic, agent, results
from handrail.testing import Team

jobs = Topic("jobs", carries=str)


@agent(reads=jobs, writes=results)
async def worker(job: str) -> str:
    if job == "cancelled":
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone
    return job


async def test_a_handler_that_awaits_something_cancelled_is_a_dead_letter_and_others_go_on() -> (
    None
):
    async with Team(worker) as team:
        bad = await team.submit(jobs, "cancelled")
        await bad.until("failed")
        (letter,) = await bad.dead_letters()

        good = await team.submit(jobs, "fine")
        assert await good.result(str) == "fine"

    assert letter.failure.exception_type == "HandlerCancelled"
