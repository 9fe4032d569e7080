"""What the ledger tells operators of an act that was refused or has failed, on whatever broker."""

from collections.abc import Callable

from handrail import (
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
from handrail.ledger.queries import Told
from handrail.ledger.rail_event import ActRefused
from handrail.rails.gateway import Rails
from handrail.rails.limits import CallLimits
from handrail.testing import Team, calls, says
from tests.captured_lines import captured_lines
from tests.promises.step_tools import jobs, ledger

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
        if how == "twice":
            await ctx.call(pay, "ann")
            return await ctx.call(pay, "bob")
        return await ctx.call(look, how)
    except Refused as refused:
        return str(refused.state)


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
