"""What a lane promises about acts that a person has to approve, on whatever broker is used."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import BaseModel

from handrail import Approval, Context, Effect, Refused, ToolContext, agent, results, tool
from handrail.errors import AnswerRefused, DecisionNotTaken
from handrail.ledger.event import PersonAnswered, PersonAsked, RequestKind
from handrail.rails.cedar import CedarPolicy
from handrail.runtime.approvals import approval_of
from handrail.runtime.people import give_answer, one_request, taken
from handrail.testing import Team, TeamTask
from handrail.testing.tools import unconfined
from handrail.wire.human import Request
from tests.promises.step_tools import WORLD, Acts, jobs, ledger

TeamOf = Callable[..., Team]


class Receipt(BaseModel):
    id: str


@tool(
    effect=Effect.UNSAFE,
    approval=Approval(
        when="amount > 100",
        by="role:finance",
        expires_s=600,
        text="Refund {amount} for order {order}",
    ),
)
async def refund(ctx: ToolContext, order: str, amount: Decimal) -> Receipt:
    """Send money back for one order."""
    WORLD.done.append(f"refund {order} {amount}")
    return Receipt(id=f"r-{order}-{amount}")


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    order, _, amount = text.partition(" ")
    try:
        receipt = await ctx.call(refund, order=order, amount=Decimal(amount))
    except Refused as no:
        return f"{no.state}: {no.detail}"
    return receipt.id


async def test_an_act_over_the_limit_waits_until_it_is_approved(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        small, large = await team.submit(jobs, "41 100"), await team.submit(jobs, "42 150")
        assert await small.result(str) == "r-41-100"
        await large.until("auth_required")
        assert "Refund 150 for order 42" in await large.task.explanation()
        assert acts.done == ["refund 41 100"]

        await team.approve(large, by="role:finance")

        assert await large.result(str) == "r-42-150"
        assert acts.done == ["refund 41 100", "refund 42 150"]


async def test_the_act_that_waits_is_shown_to_its_last_argument(
    team_of: TeamOf, acts: Acts
) -> None:
    order = "o" * 1_000 + "-end"
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        task = await team.submit(jobs, f"{order} 150")
        await task.until("auth_required")

        asked = next(e for e in await ledger(team) if isinstance(e, PersonAsked))
        assert asked.text == f"Refund 150 for order {order}"
        assert asked.call == f'refund(order="{order}", amount="150")'
        assert str(asked.call) in await task.task.explanation()
        await team.deny(task, by="role:finance")
        assert "approval_rejected" in await task.result(str)
    assert acts.done == []


async def test_what_is_denied_is_not_done_and_the_handler_is_told_why(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        await team.deny(task, reason="too much", by="role:finance")

        told = "approval_rejected: role:finance has not approved refund: too much"
        assert await task.result(str) == told
        assert acts.done == []


async def test_an_approval_with_changed_arguments_lets_just_those_be_done(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        with pytest.raises(AnswerRefused, match="amount"):
            await team.approve(task, arguments={"order": "42", "amount": []}, by="role:finance")
        await team.approve(task, arguments={"order": "42", "amount": "120"}, by="role:finance")

        assert await task.result(str) == "r-42-120"
        assert acts.done == ["refund 42 120"]


async def test_nobody_has_decided_in_time_is_a_refusal_and_a_later_yes_is_worth_nothing(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        request = await request_of(team, task)
        await team.advance(seconds=601)
        await task.until("completed")
        told = "approval_expired: refund was not approved: nobody has decided in time"
        assert await task.result(str) == told

        await give_answer(
            team.bus, team.namespace, request, approval_of(request), "role:finance", 1
        )
        await team.advance(seconds=2)

        assert acts.done == []
        told_by = [e.by for e in await ledger(team) if isinstance(e, PersonAnswered)]
        assert told_by == ["handrail"]


@pytest.mark.parametrize("by", ["a test", "role:sales", "Ann"])
async def test_a_decision_of_whoever_may_not_decide_changes_nothing(
    team_of: TeamOf, acts: Acts, by: str
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        request = await request_of(team, task)
        bus, namespace = team.bus, team.namespace
        given = await give_answer(bus, namespace, request, approval_of(request), by, 1)
        await team.advance(seconds=2)

        with pytest.raises(DecisionNotTaken, match=f"Not taken: {by} (has asked|is not)") as told:
            await taken(bus, namespace, given)
        assert f"handrail approve {request.task_id} --step 1.a0 --by NAME" in told.value.do[0]
        assert await task.state() == "auth_required"
        assert acts.done == []
        await team.approve(task, by="role:finance")
        assert await task.result(str) == "r-42-150"


async def test_a_request_that_was_changed_on_its_way_gets_a_decision_that_licenses_nothing(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        request = await request_of(team, task)
        act = {**(request.act or {}), "arguments": {"order": "41", "amount": "1"}}
        shown = replace(request, act=act, schema={"type": "object"})
        await give_answer(team.bus, team.namespace, shown, approval_of(shown), "role:finance", 1)
        await team.advance(seconds=2)

        assert await task.state() == "auth_required"
        assert acts.done == []
        await team.approve(task, by="role:finance")
        await task.until("completed")


@pytest.mark.parametrize(
    "moment",
    [
        "before_intent/approval of refund",
        "before_intent/refund",
        "after_intent_commit/refund",
        "after_act/refund",
        "after_outcome/refund",
        "after_outcome_commit/refund",
        "before_final",
        "after_final_commit",
    ],
)
async def test_what_was_approved_is_done_at_most_once_whatever_crashes(
    team_of: TeamOf, acts: Acts, moment: str
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        asks_first = moment.startswith("before_intent/approval")
        if asks_first:
            await team.kill(clerk, at=moment)
        task = await team.submit(jobs, "42 150")
        if asks_first:
            await team.restart(clerk)
        await task.until("auth_required")
        if not asks_first:
            await team.kill(clerk, at=moment)
        await team.approve(task, by="role:finance")
        if not asks_first:
            await team.restart(clerk)
            await team.advance(seconds=3)
        if await task.state() == "input_required":
            done = acts.done == ["refund 42 150"]
            await team.resolve(task, happened=done, result={"id": "r-42-150"})

        await task.until("completed")
        assert await task.result(str) == "r-42-150"
        assert acts.done == ["refund 42 150"]
        asked = [e.request for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert len([one for one in asked if "/1.a0/" in one]) == 1


async def request_of(team: Team, task: TeamTask) -> Request:
    facts = await task.task.facts()
    assert facts is not None
    return await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)


async def test_an_approval_given_under_other_rules_licenses_nothing(
    team_of: TeamOf, acts: Acts
) -> None:
    team = team_of(clerk, tools=[refund], partitions=1)
    team.rails = unconfined(allowing("first"))
    async with team:
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        await team.kill(clerk, at="before_intent/refund")
        await team.approve(task, by="fay")
        team.rails = unconfined(allowing("second"))
        await team.restart(clerk)
        await team.advance(seconds=3)
        await task.until("completed")

        assert "approval_expired" in await task.result(str)
        assert acts.done == []


async def test_an_approval_that_has_expired_before_it_is_used_licenses_nothing(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=[refund], partitions=1) as team:
        team.allow(refund)
        task = await team.submit(jobs, "42 150")
        await task.until("auth_required")
        await team.kill(clerk, at="before_intent/refund")
        await team.approve(task, by="role:finance")  # in time
        await team.advance(seconds=700)
        await team.restart(clerk)
        await team.advance(seconds=3)
        await task.until("completed")

        assert "approval_expired" in await task.result(str)
        assert acts.done == []


async def test_the_rights_are_those_of_the_person_who_asked_whichever_agent_acts(
    team_of: TeamOf, acts: Acts
) -> None:
    team = team_of(clerk, tools=[refund], partitions=1)
    team.rails = unconfined(
        CedarPolicy.of(
            '@id("ben-only") permit (principal == Person::"ben", action == Action::"tool.call",'
            " resource);"
            '@id("rest") permit (principal, action, resource)'
            ' unless { action == Action::"tool.call" };',
            {},
        )
    )
    async with team:
        team.allow(refund)
        denied = await team.submit(jobs, "41 20")
        team.client.asked_by = "ben"
        allowed = await team.submit(jobs, "42 20")

        assert (await denied.result(str)).startswith(
            "denied_by_policy: refund: No rule lets a test"
        )
        assert await allowed.result(str) == "r-42-20"
        assert acts.done == ["refund 42 20"]


def allowing(rule: str) -> CedarPolicy:
    text = f'@id("{rule}") permit (principal, action, resource);'
    return CedarPolicy.of(text, {"finance": ["fay"]})
