"""What canceling a task promises of what it has asked, on whatever broker `team_of` uses."""

from collections.abc import Callable

from handrail import Context, agent, results
from handrail.testing import Team
from tests.promises.cancels import is_canceled
from tests.promises.questions import Price, prices
from tests.promises.step_tools import jobs
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = ["test_what_is_to_be_answered_before_its_task_has_to_end_is_canceled_with_it"]

RAN: list[str] = []


@agent(reads=jobs, writes=results)
async def impatient(text: str, ctx: Context) -> int:
    return (await ctx.ask(prices, text, within_s=500)).cents


@agent(reads=prices)
async def pricer(name: str, ctx: Context) -> Price:
    await ctx.sleep(40)
    RAN.append(name)
    return Price(of=name, cents=5)


async def test_what_is_to_be_answered_before_its_task_has_to_end_is_canceled_with_it(
    team_of: TeamOf,
) -> None:
    RAN.clear()
    async with team_of(impatient, pricer, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: is_at_rest(team, "prices"), what="the question is in hand")
        await task.cancel("no longer wanted")

        await is_canceled(team, task)
        await team.advance(seconds=60)
        assert RAN == []


async def is_at_rest(team: Team, inbox: str) -> bool:
    lanes = [one.lane for member in team.members for one in member.process.lanes]
    return any(
        one is not None and one.settings.inbox == inbox and len(one.rests) > 0 for one in lanes
    )
