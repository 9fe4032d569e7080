"""What a lane promises about an approval that is for the whole task, on whatever broker is used."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
import pytest

from handrail import (
    Approval,
    Context,
    Effect,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    agent,
    results,
    tool,
)
from handrail.contract.for_task import CALLS_COUNT_MAX
from handrail.errors import AnswerRefused, DecisionNotTaken
from handrail.ledger.event import PersonAsked, RequestKind
from handrail.ledger.rail_event import FurtherCall
from handrail.ledger.task_state import TaskState
from handrail.rails.cedar import CedarPolicy
from handrail.runtime.approvals import approval_of
from handrail.runtime.people import give_answer, one_request, taken
from handrail.testing import Team, TeamTask
from handrail.testing.tools import unconfined
from tests.promises.step_tools import WORLD, Acts, jobs, ledger, left_of_steps
from tests.waiting import until

T = TypeVar("T")
TeamOf = Callable[..., Team]

EXPIRES_S = 600
BY = "role:finance"


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S, text="Write to {to}", free=["text"]),
)
async def write(to: str, text: str) -> str:
    """Write to somebody."""
    WORLD.done.append(f"{to}: {text}")
    return text


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S),
)
async def pay(to: str) -> str:
    """Pay somebody."""
    WORLD.done.append(f"pay {to}")
    return to


@tool(effect=Effect.READ, approval=Approval(by=BY, expires_s=EXPIRES_S))
async def fetch(url: str) -> str:
    """Read what somebody outside has written."""
    WORLD.done.append(f"fetch {url}")
    return f"what stands at {url}"


@tool(
    effect=Idempotent(ttl_s=3_600),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S),
)
async def mark(name: str) -> str:
    """Mark something; twice is as good as once."""
    WORLD.done.append(f"mark {name}")
    return name


TOOLS = [write, pay, fetch, mark]


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    """Do one thing after the other: `write bob hello`, `pay bob`, `fetch url`, `sleep 600`."""
    came = list[str]()
    for line in text.split("; "):
        what, to, *words = line.split(" ")
        try:
            if what == "sleep":
                await ctx.sleep(int(to))
            elif what == "write":
                came.append(await ctx.call(write, to=to, text=" ".join(words)))
            elif what == "repeat":  # what it has just read
                came.append(await ctx.call(write, to=to, text=came[-1]))
            elif what == "mark":
                came.append(await ctx.call(mark, name=to))
            elif what == "pay":
                came.append(await ctx.call(pay, to=to))
            else:
                came.append(await ctx.call(fetch, url=to))
        except Refused as no:
            came.append(no.state.value)
    return ", ".join(came)


@agent(reads=jobs, writes=results)
async def crowd(text: str, ctx: Context) -> str:
    """Pay one, and then three at once."""
    await ctx.call(pay, to=text)
    calls = [ctx.call(pay, to=text) for _ in range(3)]
    return ", ".join(await ctx.gather(*calls))


def allowed(team: Team) -> Team:
    for one in TOOLS:
        team.allow(one)
    return team


async def asked_of(team: Team) -> list[str]:
    """Give the calls of which a person was asked, in order."""
    return [str(e.call) for e in await ledger(team) if isinstance(e, PersonAsked)]


async def waits(task: TeamTask) -> None:
    await task.until("auth_required")


async def for_a_person(team: Team, task: TeamTask) -> TaskState:
    waits_for = (TaskState.AUTH_REQUIRED, TaskState.INPUT_REQUIRED)
    return await task.task.wait(*waits_for, timeout_s=team.patience_s)


async def test_further_calls_like_the_one_that_was_shown_go_on_without_asking_and_are_told(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "write bob one; write bob two; write bob three")
        await waits(task)
        assert acts.done == []

        await team.approve(task, by=BY, for_task=True)

        assert await task.result(str) == "one, two, three"
        assert acts.done == ["bob: one", "bob: two", "bob: three"]
        assert await asked_of(team) == ['write(to="bob", text="one")']
        further = [e for e in await ledger(team) if isinstance(e, FurtherCall)]
        assert [(e.call, e.by, e.count, e.calls) for e in further] == [
            ('write(to="bob", text="two")', BY, 1, 10),
            ('write(to="bob", text="three")', BY, 2, 10),
        ]


async def test_what_the_contract_does_not_call_free_has_to_be_what_was_shown(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "write bob one; write eve one; pay bob; pay bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await waits(task)
        assert acts.done == ["bob: one"]
        await team.approve(task, by=BY)  # to eve, once
        await waits(task)
        assert acts.done == ["bob: one", "eve: one"]
        await team.approve(task, by=BY, for_task=1)

        assert await task.result(str) == "one, one, bob, bob"
        assert acts.done[2:] == ["pay bob", "pay bob"]
        assert len(await asked_of(team)) == 3


async def test_so_many_calls_go_on_and_the_next_one_is_asked_about(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay bob; pay bob; pay bob")
        await waits(task)
        with pytest.raises(AnswerRefused, match=f"1 to {CALLS_COUNT_MAX} further calls"):
            await team.approve(task, by=BY, for_task=CALLS_COUNT_MAX + 1)
        await team.approve(task, by=BY, for_task=2)
        await waits(task)

        assert acts.done == ["pay bob"] * 3
        await team.deny(task, by=BY)
        assert await task.result(str) == "bob, bob, bob, approval_rejected"


@pytest.mark.parametrize(
    "moment",
    [
        "before_intent/pay:2",
        "after_intent_commit/pay:2",
        "after_act/pay:2",
        "after_outcome_commit/pay:2",
        "before_final",
    ],
)
async def test_a_kill_gives_no_call_more_and_takes_none_away(
    team_of: TeamOf, acts: Acts, moment: str
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay bob; pay bob; pay bob")
        await waits(task)
        if moment != "before_final":
            await team.kill(clerk, at=moment)
        await team.approve(task, by=BY, for_task=2)
        if moment != "before_final":
            await team.restart(clerk)
        if await for_a_person(team, task) is TaskState.INPUT_REQUIRED:
            # Of the first one, whose outcome was in hand, or of the second, which had its licence.
            done = moment.startswith("before_intent") or len(acts.done) > 1
            await team.resolve(task, happened=done, result="bob")
        await waits(task)

        # One that was shown, and two like it; the fourth waits.
        assert acts.done == ["pay bob"] * 3
        if moment == "before_final":
            await team.kill(clerk, at=moment)
        await team.deny(task, by=BY)
        if moment == "before_final":
            await team.restart(clerk)
        assert await task.result(str) == "bob, bob, bob, approval_rejected"
        assert acts.done == ["pay bob"] * 3


async def test_a_further_call_that_is_begun_anew_after_a_kill_is_still_one_of_them(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "mark a; mark a; mark a")
        await waits(task)
        await team.kill(clerk, at="after_act/mark:2")
        await team.approve(task, by=BY, for_task=1)
        await team.restart(clerk)
        await waits(task)

        assert acts.done == ["mark a"] * 3  # the second one twice, under one key
        await team.deny(task, by=BY)
        assert await task.result(str) == "a, a, approval_rejected"


async def test_calls_that_leave_no_trace_are_counted_as_well_through_a_kill(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "fetch a; fetch a; sleep 60; fetch a")
        await waits(task)
        await team.approve(task, by=BY, for_task=1)
        await until(lambda: len(acts.done) == 2)
        await team.kill(clerk)
        await team.restart(clerk)
        await team.advance(seconds=61)
        await waits(task)

        assert acts.done == ["fetch a", "fetch a"]
        further = [e.count for e in await ledger(team) if isinstance(e, FurtherCall)]
        assert further == [1]
        await team.deny(task, by=BY)
        assert (await task.result(str)).endswith("approval_rejected")


async def test_an_approval_for_the_task_is_worth_nothing_once_it_has_expired(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, f"pay bob; sleep {EXPIRES_S}; pay bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await until(lambda: acts.done == ["pay bob"])
        await until_asleep(team)
        await team.advance(seconds=EXPIRES_S + 1)
        await waits(task)

        assert acts.done == ["pay bob"]
        assert len(await asked_of(team)) == 2
        await team.deny(task, by=BY)
        assert await task.result(str) == "bob, approval_rejected"


async def test_an_approval_for_the_task_is_worth_nothing_under_other_rules(
    team_of: TeamOf, acts: Acts
) -> None:
    team = team_of(clerk, tools=TOOLS, partitions=1)
    team.rails = unconfined(allowing("first"))
    async with allowed(team):
        task = await team.submit(jobs, "pay bob; pay bob; sleep 60; pay bob")
        await waits(task)
        await team.approve(task, by="fay", for_task=True)
        await until(lambda: len(acts.done) == 2)
        await until_asleep(team)
        await team.kill(clerk)
        team.rails = unconfined(allowing("second"))
        await team.restart(clerk)
        await team.advance(seconds=61)
        await waits(task)

        assert acts.done == ["pay bob"] * 2
        await team.approve(task, by="fay", for_task=True)
        assert await task.result(str) == "bob, bob, bob"
        assert len(await asked_of(team)) == 2


async def test_what_a_stranger_has_chosen_is_covered_only_as_it_was_shown(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        # What is said to bob after the read was said by the user, then by the page.
        what = "write bob hello; fetch a; write bob bye; fetch a; repeat bob; repeat bob"
        task = await allowed(team).submit(jobs, what)
        await waits(task)
        await team.approve(task, by=BY, for_task=True)  # to write
        await waits(task)
        await team.approve(task, by=BY, for_task=True)  # to fetch
        await waits(task)

        assert acts.done == ["bob: hello", "fetch a", "bob: bye", "fetch a"]
        shown = (await asked_of(team))[-1]
        assert shown == 'write(to="bob", text="what stands at a")'
        await team.approve(task, by=BY, for_task=True)  # as it is shown
        await task.until("completed")
        assert acts.done[4:] == ["bob: what stands at a"] * 2
        assert len(await asked_of(team)) == 3


async def test_a_denial_of_a_further_call_ends_what_was_approved_for_the_task(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay eve; pay bob; pay bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await waits(task)
        await team.deny(task, by=BY)
        await waits(task)

        assert acts.done == ["pay bob"]
        await team.approve(task, by=BY)
        await waits(task)
        await team.approve(task, by=BY)
        assert await task.result(str) == "bob, approval_rejected, bob, bob"


async def test_it_is_for_one_handoff_of_one_task_and_for_nobody_who_has_asked(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        first = await allowed(team).submit(jobs, "pay bob; sleep 60; pay bob")
        await waits(first)
        with pytest.raises(DecisionNotTaken, match="has asked for the task"):
            await team.approve(first, by=str(team.client.asked_by), for_task=True)
        await team.approve(first, by=BY, for_task=True)
        second = await team.submit(jobs, "pay bob")
        await waits(second)

        assert acts.done == ["pay bob"]
        await team.deny(second, by=BY)
        assert await second.result(str) == "approval_rejected"
        await team.advance(seconds=61)
        assert await first.result(str) == "bob, bob"


async def test_what_a_person_has_changed_is_approved_once_whoever_sends_it(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay bob")
        await waits(task)
        with pytest.raises(AnswerRefused, match="what was changed is approved once"):
            await team.approve(task, by=BY, arguments={"to": "ann"}, for_task=True)
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)
        both = {**orjson.loads(approval_of(request, for_task=3)), "arguments": {"to": "ann"}}
        given = await give_answer(team.bus, team.namespace, request, orjson.dumps(both), BY, 1)
        await team.advance(seconds=2)
        with pytest.raises(DecisionNotTaken):
            await taken(team.bus, team.namespace, given)

        assert acts.done == []
        await team.approve(task, by=BY, for_task=1)
        assert await task.result(str) == "bob, bob"


async def test_of_calls_side_by_side_no_more_go_on_than_were_approved(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(crowd, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=2)
        await waits(task)

        assert acts.done == ["pay bob"] * 3
        await team.approve(task, by=BY)
        assert await task.result(str) == "bob, bob, bob"
        assert len(await asked_of(team)) == 2


async def test_a_further_call_that_somebody_else_has_to_approve_is_put_to_them(
    team_of: TeamOf, acts: Acts
) -> None:
    rules = """
        @id("all") permit (principal, action, resource);
        @id("board") @title("Only the board says so") @remedy("Ask the board.")
        @approval("role:board")
        forbid (principal, action == Action::"tool.call", resource == Tool::"write")
        when { context.arguments.text == "closed" } unless { context.approved };
    """
    team = team_of(clerk, tools=TOOLS, partitions=1)
    team.rails = unconfined(CedarPolicy.of(rules, {"finance": ["fay", "ben"], "board": ["ben"]}))
    async with allowed(team):
        task = await team.submit(jobs, "write bob one; write bob closed; write bob two")
        await waits(task)
        await team.approve(task, by="fay", for_task=True)
        await waits(task)

        assert acts.done == ["bob: one"]
        await team.approve(task, by="ben")
        assert await task.result(str) == "one, closed, two"
        assert len(await asked_of(team)) == 2


async def test_a_program_approves_and_denies_as_a_person_does(team_of: TeamOf, acts: Acts) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay bob; pay bob")
        await waits(task)
        approved = await while_time_passes(team, team.client.approve(task.id, by=BY, for_task=1))
        assert approved is not None
        assert (approved.by, approved.is_ours) == (BY, True)
        assert approved.value["for_task"] == {"calls": 1, "free": []}
        await task.until("auth_required")
        denied = await while_time_passes(team, team.client.deny(task.id, by=BY, reason="enough"))

        assert denied is not None
        assert denied.value["reason"] == "enough"
        assert await task.result(str) == "bob, bob, approval_rejected"
        assert acts.done == ["pay bob"] * 2


async def while_time_passes(team: Team, deciding: Coroutine[Any, Any, T]) -> T:
    """Wait for what waits for a lane, which looks as time passes."""
    task = asyncio.create_task(deciding)
    while not task.done():
        await team.advance(seconds=1)
        await asyncio.sleep(0)
    return await task


async def until_asleep(team: Team) -> None:
    """Wait until what a handler sleeps for is written: time may pass from then on."""
    await until(lambda: has_slept(team))


async def has_slept(team: Team) -> bool:
    return any(e.facts.get("name") == "ctx.sleep" for e in await left_of_steps(team, clerk.name))


def allowing(rule: str) -> CedarPolicy:
    text = f'@id("{rule}") permit (principal, action, resource);'
    return CedarPolicy.of(text, {"finance": ["fay"]})
