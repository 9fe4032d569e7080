"""What a lane promises about calls that an approval for the task lets go on, on any broker."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from handrail.cli.people import row_of
from handrail.contract.for_task import CALLS_COUNT_MAX
from handrail.errors import AnswerRefused
from handrail.ledger.event import PersonAsked
from handrail.ledger.rail_event import FurtherCall
from handrail.ledger.task_state import TaskState
from handrail.testing import Team
from tests.promises.for_task_tools import (
    BY,
    TOOLS,
    allowed,
    asked_of,
    clerk,
    crowd,
    for_a_person,
    waits,
)
from tests.promises.step_tools import Acts, jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]
T = TypeVar("T")


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


async def test_what_an_approval_for_the_task_leaves_free_is_told_with_what_is_asked(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "write bob one; pay bob")
        for _ in range(2):
            await waits(task)
            await team.approve(task, by=BY)
        await task.result(str)

        asked = [row_of(e) for e in await ledger(team) if isinstance(e, PersonAsked)]

        assert [(one.act, one.free, one.for_task) for one in asked] == [
            ('write(to="bob", text="one")', ["text"], "further calls with any text"),
            ('pay(to="bob")', [], "further calls just like it"),
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
