"""What the ledger tells operators of an act that was refused or has failed, on whatever broker."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import (
    Approval,
    Context,
    Effect,
    Integrity,
    Limit,
    Reach,
    Refused,
    State,
    agent,
    results,
    tool,
)
from handrail.cli.task_rows import event_rows
from handrail.ledger.event import PersonAsked, RequestKind
from handrail.ledger.queries import Told
from handrail.ledger.rail_event import ActRefused
from handrail.ledger.task_state import TaskFacts
from handrail.rails.gateway import Rails
from handrail.rails.limits import CallLimits
from handrail.runtime.approvals import denial_of
from handrail.runtime.people import give_answer, one_request
from handrail.testing import Team, TeamTask, calls, says
from tests.captured_lines import captured_lines
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]
WORDS = "canary-of-a-password"


@tool(
    effect=Effect.READ,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    owner="payments",
    failures=[State.RATE_LIMITED, State.NOT_FOUND],
)
async def look(how: str) -> str:
    """Look, and be refused, or fail."""
    if how == "refuse":
        remedy = "Use the nightly list."
        raise Refused(State.NOT_FOUND, "There is no order 42.", remedy=remedy, retry_after_s=7)
    raise ValueError(WORDS)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, limit=Limit(rate="1/h"))
async def pay(to: str) -> str:
    """Pay somebody, once an hour."""
    return to


@agent(reads=jobs, writes=results)
async def clerk(how: str, ctx: Context) -> str:
    if how == "model":
        return await ctx.model("Look.", returns=str, tools=[look])
    try:
        if how == "refund":
            return await ctx.call(refund, "ann")
        if how == "twice":
            await ctx.call(pay, "ann")
            return await ctx.call(pay, "bob")
        return await ctx.call(look, how)
    except Refused as refused:
        return str(refused.state)


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    owner="payments",
    approval=Approval(by="fay", expires_s=600),
)
async def refund(to: str) -> str:
    """Send money back, if fay says so."""
    return to


class Patience:
    """How long a handler waits, which its test ends."""

    limit: asyncio.Timeout


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def hang(how: str) -> str:
    """Keep the run in memory."""
    await asyncio.Event().wait()
    return how


@agent(reads=jobs, writes=results)
async def impatient(how: str, ctx: Context) -> str:
    try:
        async with asyncio.timeout(None) as Patience.limit:
            await ctx.gather(ctx.call(refund, "ann"), ctx.call(hang, how))
    except TimeoutError:
        return "no longer waited for"
    return "done"


async def told_of(team: Team, how: str) -> ActRefused:
    """Run a task, and give the one act of which the ledger says that it was refused."""
    task = await team.submit(jobs, how)
    await task.result(str)
    (event,) = [one for one in await ledger(team) if isinstance(one, ActRefused)]
    assert event.task_id == task.id
    return event


async def test_a_refusal_of_a_tool_is_told_with_its_cure_its_owner_and_where_to_look(
    team_of: TeamOf,
) -> None:
    async with team_of(clerk, tools=[look, pay], partitions=1) as team:
        team.allow(look)
        event = await told_of(team, "refuse")
        (row,) = event_rows([Told(0, 0, event)])

    assert (event.state, event.title) == ("not_found", State.NOT_FOUND.headline)
    assert (event.detail, event.remedy) == ("There is no order 42.", "Use the nightly list.")
    assert (event.owner, event.retry_after_s, event.retry) == ("payments", 7, "with_changes")
    assert (event.tool, event.step, event.trace) == ("look", "1", event.invocation)
    assert row.facts["remedy"] == "Use the nightly list."
    for said in ("not_found", "order 42", "nightly list", "payments", "7 s", event.trace):
        assert said in row.sentence


async def test_a_call_that_the_gateway_refuses_is_told_under_what_the_log_says(
    team_of: TeamOf,
) -> None:
    async with team_of(clerk, tools=[look, pay], partitions=1) as team:
        team.rails = Rails(policy=team.rails.policy, confines=lambda _: None, limits=CallLimits())
        team.allow(pay)
        with captured_lines() as lines:
            event = await told_of(team, "twice")
    (logged,) = [line for line in lines if line["event"] == "act refused"]

    assert (event.tool, event.step, event.state) == ("pay", "2", "rate_limited")
    assert (event.trace, event.detail) == (logged["trace"], logged["detail"])
    assert event.retry_after_s == logged["retry_after"]


async def test_what_a_tool_raises_is_told_without_its_words_and_the_log_has_them_there(
    team_of: TeamOf,
) -> None:
    async with team_of(clerk, tools=[look, pay], partitions=1) as team:
        team.allow(look)
        with captured_lines() as lines:
            event = await told_of(team, "fail")
    (logged,) = [line for line in lines if line["event"] == "tool failed"]

    assert (event.state, event.owner) == ("internal", "payments")
    assert WORDS not in str(event)
    assert logged["trace"] == event.trace


async def test_a_refusal_that_a_model_is_told_is_told_to_people_too(team_of: TeamOf) -> None:
    async with team_of(clerk, tools=[look, pay], partitions=1) as team:
        team.allow(look)
        team.model.script(calls(look, {"how": "refuse"}), says("There is none."))
        event = await told_of(team, "model")

    assert (event.step, event.state) == ("1.1", "not_found")


async def test_a_refusal_is_told_once_also_after_a_kill(team_of: TeamOf) -> None:
    async with team_of(clerk, tools=[look, pay], partitions=1) as team:
        team.allow(look)
        await team.kill(clerk, at="after_outcome_commit/look")
        task = await team.submit(jobs, "refuse")
        await team.restart(clerk)
        await task.result(str)
        found = [one for one in await ledger(team) if isinstance(one, ActRefused)]

    assert [one.state for one in found] == ["not_found"]


async def facts_of(task: TeamTask) -> TaskFacts:
    """Give how a task stands."""
    facts = await task.task.facts()
    assert facts is not None
    return facts


async def denied_by_who_dies(team: Team, task: TeamTask) -> None:
    """Have an act denied before a process that dies as it takes the decision in."""
    (member,) = team.members
    kind = RequestKind.APPROVAL
    request = await one_request(team.bus, team.namespace, await facts_of(task), kind=kind)
    await team.kill(clerk, at="after_answer/approval of refund")
    denial = denial_of(request, reason="not this month")
    await give_answer(team.bus, team.namespace, request, denial, "fay", 1)

    async def is_dead() -> bool:
        await team.advance(seconds=1)
        return member.kill_point.reached_it.is_set()

    await until(is_dead)
    await team.restart(clerk)


@pytest.mark.parametrize("dies", [None, "after_answer", "before_final"])
async def test_an_act_that_a_person_denies_is_told_once_with_who_and_why(
    team_of: TeamOf, dies: str | None
) -> None:
    async with team_of(clerk, tools=[look, pay, refund], partitions=1) as team:
        task = await team.submit(jobs, "refund")
        await task.until("auth_required")
        if dies == "after_answer":
            await denied_by_who_dies(team, task)
        elif dies is not None:
            await team.kill(clerk, at=dies)
            await team.deny(task, by="fay", reason="not this month")
            await team.restart(clerk)
        else:
            await team.deny(task, by="fay", reason="not this month")
        await task.until("completed")
        assert await task.result(str) == "approval_rejected"
        told = await ledger(team)

    (event,) = [one for one in told if isinstance(one, ActRefused)]
    (asked,) = [one for one in told if isinstance(one, PersonAsked)]
    assert (event.task_id, event.tool, event.step) == (task.id, "refund", "1")
    assert (event.agent, event.run, event.attempt) == ("clerk", 0, 1)
    assert (event.state, event.owner, event.retry) == ("approval_rejected", "payments", "never")
    assert event.detail == "fay has not approved refund: not this month"
    assert (event.by, event.request) == ("fay", asked.request)
    assert event.trace == event.invocation


async def test_the_story_says_once_who_has_denied_an_act_and_why(team_of: TeamOf) -> None:
    async with team_of(clerk, tools=[look, pay, refund], partitions=1) as team:
        task = await team.submit(jobs, "refund")
        await task.until("auth_required")
        await team.deny(task, by="fay", reason="not this month")
        await task.until("completed")
        rows = event_rows([Told(0, 0, one) for one in await ledger(team)])

    said = [row.sentence for row in rows]
    assert [one for one in said if "not this month" in one] == ["fay denied it: not this month."]
    (of_act,) = [row.sentence for row in rows if row.event == "ActRefused"]
    assert of_act.startswith("clerk called refund in step 1: approval_rejected. Go on without it")
    assert of_act.endswith("The tool's owner is payments.")


async def test_an_act_that_nobody_has_approved_in_time_is_told_once(team_of: TeamOf) -> None:
    async with team_of(clerk, tools=[look, pay, refund], partitions=1) as team:
        task = await team.submit(jobs, "refund")
        await task.until("auth_required")
        await team.advance(seconds=601)
        await task.until("completed")
        assert await task.result(str) == "approval_expired"
        told = await ledger(team)

    (event,) = [one for one in told if isinstance(one, ActRefused)]
    (asked,) = [one for one in told if isinstance(one, PersonAsked)]
    assert (event.state, event.step, event.owner) == ("approval_expired", "1", "payments")
    assert event.detail == "refund was not approved: nobody has decided in time"
    assert (event.by, event.request) == (None, asked.request)


async def test_an_act_that_its_handler_no_longer_waits_for_is_not_told_as_refused(
    team_of: TeamOf,
) -> None:
    async with team_of(impatient, tools=[refund, hang], partitions=1) as team:
        team.allow(hang)
        task = await team.submit(jobs, "late")
        await task.until("auth_required")
        Patience.limit.reschedule(asyncio.get_running_loop().time())
        await task.until("completed")
        assert await task.result(str) == "no longer waited for"
        told = await ledger(team)

    assert [one for one in told if isinstance(one, ActRefused) and one.tool == "refund"] == []
