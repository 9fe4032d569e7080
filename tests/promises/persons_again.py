"""What a lane promises about people who are asked anew once a handoff was sent back."""

from collections.abc import Callable

import pytest

from handrail import Approval, Context, Effect, agent, results, tool
from handrail.ledger.event import PersonAsked
from handrail.testing import Team
from tests.promises.step_tools import WORLD, Acts, jobs, ledger

TeamOf = Callable[..., Team]


@tool(effect=Effect.UNSAFE, approval=Approval(by="role:finance"))
async def refund(order: str) -> str:
    """Send money back for one order."""
    WORLD.done.append(f"refund {order}")
    return f"refunded {order}"


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    if text == "question":
        return await ctx.ask_person("Who signs?", returns=str)
    return await ctx.call(refund, text)


@pytest.mark.parametrize("text", ["question", "approval"])
async def test_what_was_open_when_its_handoff_died_is_asked_anew_and_the_answer_counts(
    team_of: TeamOf, acts: Acts, text: str
) -> None:
    state = "input_required" if text == "question" else "auth_required"
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, text, deadline_s=60)
        await task.until(state)
        await team.advance(seconds=62)
        await task.until("failed")

        await team.redrive(task)
        await task.until(state)
        if text == "question":
            got = await team.answer(task, "Ada", by="Ann")
        else:
            got = await team.approve(task, by="role:finance")

        assert got.is_ours
        assert await task.result(str) == ("Ada" if text == "question" else "refunded approval")
        asked = [e.request for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert [one.rpartition("/")[2] for one in asked] == ["1", "2"]
        assert acts.done == ([] if text == "question" else ["refund approval"])


@pytest.mark.parametrize("text", ["question", "approval"])
async def test_what_was_asked_anew_waits_on_through_a_crash(
    team_of: TeamOf, acts: Acts, text: str
) -> None:
    del acts
    state = "input_required" if text == "question" else "auth_required"
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, text, deadline_s=60)
        await task.until(state)
        await team.advance(seconds=62)
        await task.until("failed")
        await team.redrive(task)
        await task.until(state)
        await team.kill(clerk)
        await team.restart(clerk)
        await team.advance(seconds=3)

        if text == "question":
            await team.answer(task, "Ada", by="Ann")
        else:
            await team.approve(task, by="role:finance")

        assert await task.result(str) == ("Ada" if text == "question" else "refunded approval")
