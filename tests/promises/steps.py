"""What a lane promises about the steps of a handler, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest
from pydantic import BaseModel

from handrail import Context, Effect, Topic, agent, results, tool
from handrail.contract.tool import ToolContext
from handrail.testing import Team, says

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)
keys: list[str] = []


class Found(BaseModel):
    text: str


@tool(effect=Effect.READ)
async def look(text: str) -> Found:
    """Look something up."""
    return Found(text=text)


@tool(effect=Effect.UNSAFE)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    return f"paid {text}"


@tool(effect=Effect.PAID)
async def ask(ctx: ToolContext, text: str) -> str:
    """Ask somebody who takes money."""
    keys.append(ctx.idem_key)
    return f"answer to {text}"


@agent(reads=jobs, writes=results)
async def worker(text: str, ctx: Context) -> str:
    found = await ctx.call(look, text)
    paid = await ctx.call(pay, found.text)
    said = await ctx.model(f"say {paid}", returns=str)
    return f"{said}: {paid}"


@pytest.mark.parametrize(
    "moment",
    [
        "after_outcome_commit:1",
        "after_outcome_commit:2",
        "after_outcome_commit:3",
        "after_final_commit",
    ],
)
async def test_a_recorded_step_is_not_carried_out_again_by_the_successor(
    team_of: TeamOf, moment: str
) -> None:
    async with team_of(worker, tools=[look, pay]) as team:
        team.allow(look)
        team.allow(pay)
        team.model.script(says("done"))
        await team.kill(worker, at=moment)
        task = await team.submit(jobs, "x")
        await team.restart(worker)

        assert await task.result(str) == "done: paid x"
        assert (len(team.calls(look)), len(team.calls(pay)), len(team.model.asked)) == (1, 1, 1)
