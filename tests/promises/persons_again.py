"""What a lane promises about people who are asked anew once a handoff was sent back."""

from collections.abc import Callable

import pytest

from handrail import Approval, Context, Effect, Integrity, Reach, agent, results, tool
from handrail.errors import RequestUnknown
from handrail.ledger.event import PersonAsked, RequestKind
from handrail.runtime.approvals import approval_of
from handrail.runtime.closed_requests import CLOSED_KEPT_MS
from handrail.runtime.people import give_answer, one_request
from handrail.testing import Team, TeamTask
from handrail.testing.accounting import read_all
from handrail.wire.human import HUMAN
from tests.promises.step_tools import WORLD, Acts, jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]


@tool(
    effect=Effect.UNSAFE,
    approval=Approval(by="role:finance"),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
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


@agent(reads=jobs, writes=results)
async def doubter(text: str, ctx: Context) -> str:
    if text == "question":
        said = await ctx.ask_person("Who signs?", returns=str)
    else:
        said = await ctx.call(refund, text)
    if "refuses" in WORLD.receiver:
        raise ValueError(f"{said} will not do")
    return said


@pytest.mark.parametrize("text", ["question", "approval"])
async def test_what_a_person_has_answered_is_asked_anew_from_its_step_on_and_the_new_answer_counts(
    team_of: TeamOf, acts: Acts, text: str
) -> None:
    state = "input_required" if text == "question" else "auth_required"
    acts.receiver["refuses"] = "everything"
    async with team_of(doubter, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, text)
        await task.until(state)
        if text == "question":
            await team.answer(task, "Ada", by="Ann")
        else:
            await team.approve(task, by="role:finance")
        await task.until("failed")
        del acts.receiver["refuses"]

        await team.redrive(task, from_step=1)
        await task.until(state)
        await team.kill(doubter)
        await team.restart(doubter)
        await team.advance(seconds=3)
        if text == "question":
            await team.answer(task, "Bob", by="Ann")
        else:
            await team.approve(task, by="role:finance")

        assert await task.result(str) == ("Bob" if text == "question" else "refunded approval")
        asked = [e.request for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert [one.rpartition("/")[2] for one in asked] == ["1", "2"]


@agent(reads=jobs, writes=results)
async def slow_clerk(text: str, ctx: Context) -> str:
    receipt = await ctx.call(refund, text)
    await ctx.sleep(100)
    return receipt


async def test_how_a_request_was_closed_goes_after_30_days_and_what_is_asked_again_is_decided_again(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(slow_clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, "x", deadline_s=60)
        await task.until("auth_required")
        facts = await task.task.facts()
        assert facts is not None
        kind = RequestKind.APPROVAL
        request = await one_request(team.bus, team.namespace, facts, kind=kind)
        await team.approve(task, by="role:finance")
        await until(lambda: acts.done == ["refund x"], what="it was done as approved")
        await until(lambda: is_in(team, task, "failed"), within_s=60, what="its time has passed")

        await tidy(team, CLOSED_KEPT_MS - 2 * 24 * 3_600_000)
        assert await standing(team) == [f"{request.id}/closed"]
        await tidy(team, CLOSED_KEPT_MS - 5_000)  # it was closed more than 50 s ago
        assert await standing(team) == []
        with pytest.raises(RequestUnknown):
            await team.approve(task, by="role:finance")

        await team.redrive(task, from_step=1)
        await task.until("auth_required")
        now_ms = team.clock.now_ms()
        await give_answer(
            team.bus, team.namespace, request, approval_of(request), "role:finance", now_ms
        )
        # Answers are read in their order: the first one would count, if it were one.
        got = await team.approve(task, by="role:finance")

        assert got.is_ours
        await until(lambda: acts.done == ["refund x"] * 2, what="it was done again as approved")
        await until(lambda: is_in(team, task, "completed"), within_s=60, what="it has slept")
        assert await task.result(str) == "refunded x"


async def is_in(team: Team, task: TeamTask, state: str) -> bool:
    await team.advance(seconds=10)
    return await task.state() == state


async def tidy(team: Team, later_ms: int) -> None:
    """Let the registrar do what time alone makes due, as if so much time had passed."""
    now_ms = team.clock.now_ms() + later_ms
    for partition in team._writer._shelf.values():
        await partition.tidy(now_ms)


async def standing(team: Team) -> list[str]:
    """Give the keys that stand on the topic of people."""
    live: dict[bytes, bytes | None] = {}
    for record in await read_all(team.bus, team.full(HUMAN)):
        live[record.key or b""] = record.value
    return [key.decode() for key, value in live.items() if value is not None]
