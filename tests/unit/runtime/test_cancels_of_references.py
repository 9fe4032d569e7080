"""A cancel, and its reference that is submitted anew a day later. On Kafka that takes a day."""

from handrail import Context, agent, results
from handrail.testing import Team
from tests.promises.cancels import is_canceled
from tests.promises.cancels_of_questions import RAN, impatient, is_at_rest, pricer
from tests.promises.step_tools import jobs
from tests.waiting import until


async def test_a_cancel_leaves_alone_what_its_reference_asks_a_day_later() -> None:
    RAN.clear()
    async with Team(impatient, pricer, partitions=1) as team:
        await cancels_one_at_rest(team, "prices")

        again = await team.submit(jobs, "y", reference="order-1")
        await until(lambda: is_at_rest(team, "prices"), what="it is asked again")
        await team.advance(seconds=60)

        assert await again.result(int) == 5
        assert RAN == ["y"]


@agent(reads=jobs, writes=results)
async def sleeper(text: str, ctx: Context) -> str:
    RAN.append(text)
    await ctx.sleep(3_000)
    return text


async def test_a_cancel_wakes_nothing_that_its_reference_does_a_day_later() -> None:
    async with Team(sleeper, partitions=1) as team:
        await cancels_one_at_rest(team, "jobs")

        RAN.clear()
        again = await team.submit(jobs, "y", reference="order-1")
        await until(lambda: is_at_rest(team, "jobs"), what="it sleeps")
        await team.advance(seconds=60)
        assert RAN == ["y"]
        await team.advance(hours=1)

        assert await again.result(str) == "y"


async def cancels_one_at_rest(team: Team, inbox: str) -> None:
    task = await team.submit(jobs, "x", reference="order-1")
    await until(lambda: is_at_rest(team, inbox), what="it rests")
    await task.cancel("no longer wanted")
    await is_canceled(team, task)
    team.clock.move_to(team.clock.now_ms() + 25 * 3_600_000)  # the reference is free again
