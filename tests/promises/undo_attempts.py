"""What is promised when the undo of one act is attempted more than once, on whatever broker."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Refused, State
from handrail.ledger.undo_event import UndoFailed
from handrail.runtime.undo import UndoReport
from handrail.testing import Team, TeamTask
from tests.promises.step_tools import ledger
from tests.promises.undo_again import (
    TOOLS,
    Outside,
    asked,
    done,
    taking_back,
    traveller,
    undoer_of,
    undone_twice,
)

TeamOf = Callable[..., Team]


async def killed_after_its_act(
    team: Team, task: TeamTask, tool: str = "unbook", *, approved: bool = False
) -> TeamTask:
    """Have a task undone by a process that dies once the tool has acted."""
    undoer = undoer_of(team)
    (member,) = [one for one in team.members if one.agent is undoer]
    await team.kill(undoer, at=f"after_act/{tool}")
    undoing = await team.undo(task)
    if approved:
        await undoing.until("auth_required")
        await team.approve(undoing)
    await asyncio.wait_for(member.kill_point.reached_it.wait(), team.patience_s)
    return undoing


@pytest.mark.parametrize(
    "state", [State.CONFLICT, State.DEPENDENCY_UNAVAILABLE, State.RATE_LIMITED]
)
async def test_what_an_earlier_try_may_have_done_is_settled_by_no_refusal_of_a_later_one(
    team_of: TeamOf, outside: Outside, state: State
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "book ritz")
        first = await killed_after_its_act(team, task)
        outside.failures.append(Refused(state, "not now"))
        await team.restart(undoer_of(team))
        await first.until("input_required")
        assert "an earlier try of it may have happened, and now: not now" in await asked(
            team, first
        )
        await team.answer(first, "leave")
        await first.result(UndoReport)
        await team.advance(hours=2)
        outside.keys.clear()  # the receiver has forgotten

        second = await team.undo(task)
        await second.until("input_required")

        assert "nobody knows what came of that" in await asked(team, second)
        await team.answer(second, "by hand")
        assert (await second.result(UndoReport)).left == []
        assert outside.calls == ["book ritz", "unbook n-ritz"]
        told = [one for one in await ledger(team) if isinstance(one, UndoFailed)]
        assert [one.settles for one in told] == ["", ""]


async def test_what_stops_an_undo_is_told_as_what_it_is_and_not_as_an_undo_that_failed(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "hire fiat")
        undoing = await killed_after_its_act(team, task, "unhire")
        await team.restart(undoer_of(team))
        await undoing.until("input_required")

        assert [one for one in await ledger(team) if isinstance(one, UndoFailed)] == []
        await team.resolve(undoing, happened=True, result="done")
        assert (await undoing.result(UndoReport)).left == []
        assert outside.calls == ["hire fiat", "unhire n-fiat"]


async def test_whether_a_key_is_still_known_is_judged_when_it_is_used(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "seat a")
        first = await killed_after_its_act(team, task, "unseat", approved=True)
        await first.cancel("it takes too long")
        await team.restart(undoer_of(team))
        await first.until("canceled")
        second = await team.undo(task)
        await second.until("auth_required")
        await team.advance(hours=2)
        outside.keys.clear()  # the receiver has forgotten

        await team.approve(second)
        await second.until("input_required")

        assert "nobody knows what came of that" in (text := await asked(team, second))
        assert f"task {first.id}" in text
        await team.answer(second, "by hand")
        assert (await second.result(UndoReport)).left == []
        assert outside.calls == ["seat a", "unseat n-a"]


async def test_a_person_is_told_of_what_another_undo_has_begun_before_saying_again(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        both = await undone_twice(team)
        await taking_back(team, outside, both[0])

        await team.deny(both[1], reason="not so fast")
        await both[1].until("input_required")

        text = await asked(team, both[1])
        assert "not so fast" in text
        assert f"Besides, it was begun to be taken back by task {both[0].id}" in text
        outside.gate.set()
        assert (await both[0].result(UndoReport)).left == []
        await team.answer(both[1], "again")
        assert (await both[1].result(UndoReport)).left == []
        assert outside.calls == ["rent fiat", "unrent n-fiat"]


def test_the_undoer_of_another_order_of_steps_is_another_version() -> None:
    team = Team(traveller, tools=TOOLS)

    assert undoer_of(team).version == "2"
