"""What a lane promises about who may approve an act, on whatever broker is used."""

from collections.abc import Callable

import pytest

from handrail import Approval, Context, Effect, Refused, agent, results, tool
from handrail.errors import DecisionNotTaken
from handrail.ledger.event import RequestKind
from handrail.rails.cedar import CedarPolicy
from handrail.runtime.approvals import approval_of
from handrail.runtime.people import give_answer, one_request
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.tools import unconfined
from handrail.wire.record import Outgoing
from tests.promises.step_tools import WORLD, Acts, jobs
from tests.waiting import until

TeamOf = Callable[..., Team]

RULES = """
@id("all") permit (principal, action, resource);
@id("some") @title("More than 10") @remedy("Ask a clerk.")
@approval("role:clerk") forbid (principal, action, resource)
when { context.arguments has amount && context.arguments.amount > 10
       && context.arguments.amount <= 1000 }
unless { context.approved };
@id("much") @title("More than 1000") @remedy("Ask the CFO.")
@approval("role:cfo") forbid (principal, action, resource)
when { context.arguments has amount && context.arguments.amount > 1000 }
unless { context.approved };
"""
PEOPLE = {"clerk": ["cleo"], "cfo": ["fay"]}


@tool(effect=Effect.UNSAFE, approval=Approval(by="anyone", when="amount > 10"))
async def refund(amount: int) -> str:
    """Send money back."""
    WORLD.done.append(f"refund {amount}")
    return f"refunded {amount}"


@agent(reads=jobs, writes=results)
async def teller(text: str, ctx: Context) -> str:
    try:
        return await ctx.call(refund, amount=int(text))
    except Refused as no:
        return f"{no.state}: {no.detail}"


def ruled(team_of: TeamOf) -> Team:
    team = team_of(teller, tools=[refund], partitions=1)
    team.rails = unconfined(CedarPolicy.of(RULES, PEOPLE))
    return team


async def test_whom_the_policy_names_is_not_replaced_by_whom_the_contract_names(
    team_of: TeamOf, acts: Acts
) -> None:
    async with ruled(team_of) as team:
        team.allow(refund)
        task = await team.submit(jobs, "5000")
        await task.until("auth_required")
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)
        for by in ("eve", "cleo", "role:cfo"):
            await give_answer(team.bus, team.namespace, request, approval_of(request), by, 1)
        await team.advance(seconds=2)
        assert await task.state() == "auth_required"
        await team.approve(task, by="fay")

        assert await task.result(str) == "refunded 5000"
        assert acts.done == ["refund 5000"]


@pytest.mark.parametrize(
    ("amount", "by", "done"),
    [(900, "cleo", True), (5, "cleo", True), (5000, "cleo", False)],
)
async def test_whoever_changes_the_arguments_has_to_be_one_who_may_approve_them(
    team_of: TeamOf, acts: Acts, amount: int, by: str, done: bool
) -> None:
    async with ruled(team_of) as team:
        team.allow(refund)
        task = await team.submit(jobs, "50")
        await task.until("auth_required")
        await team.approve(task, arguments={"amount": amount}, by=by)

        told = await task.result(str)
        assert acts.done == [f"refund {amount}"] * done
        refused = "approval_rejected: refund is not approved as cleo has changed it"
        assert told == f"refunded {amount}" if done else told.startswith(refused)


async def test_nobody_approves_what_they_have_asked_for_under_the_name_of_a_role(
    team_of: TeamOf, acts: Acts
) -> None:
    async with ruled(team_of) as team:
        team.allow(refund)
        team.client.asked_by = "cleo"
        task = await team.submit(jobs, "50")
        await task.until("auth_required")
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)
        for by in ("cleo", "role:cleo", "cleo (role:clerk)"):
            await give_answer(team.bus, team.namespace, request, approval_of(request), by, 1)
        await team.advance(seconds=2)

        assert await task.state() == "auth_required"
        assert acts.done == []


@pytest.mark.parametrize("by", ["role:clerk", "cleo (role:clerk)"])
async def test_a_role_that_is_claimed_under_a_policy_is_told_to_give_a_name(
    team_of: TeamOf, acts: Acts, by: str
) -> None:
    async with ruled(team_of) as team:
        team.allow(refund)
        task = await team.submit(jobs, "50")
        await task.until("auth_required")

        with pytest.raises(DecisionNotTaken) as told:
            await team.approve(task, by=by)

        assert f"{by} claims a role, and with a policy a name decides (--by NAME)" in str(
            told.value
        )
        assert "who is role:clerk stands in policy/people.toml" in str(told.value)
        assert acts.done == []
        await team.approve(task, by="cleo")
        assert await task.result(str) == "refunded 50"


async def test_a_task_that_came_without_a_name_gets_no_approval_by_a_role(
    team_of: TeamOf, acts: Acts
) -> None:
    async with ruled(team_of) as team:
        team.allow(refund)
        topic, results_topic = team.full("jobs"), team.full("results")
        await team.bus.sender().send(Outgoing(topic, b"order-1", b'"50"'))
        await until(lambda: settled(team, results_topic))

        (told,) = [one.value for one in await read_all(team.bus, results_topic) if one.value]
        assert b"unauthenticated: refund needs an approval by" in told
        assert acts.done == []


async def settled(team: Team, topic: str) -> bool:
    return bool(await read_all(team.bus, topic))
