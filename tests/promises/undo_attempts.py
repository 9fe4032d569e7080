"""What is promised when the undo of one act is attempted more than once, on whatever broker."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Refused, State
from handrail.ledger.undo_event import UndoFailed
from handrail.runtime.undo import UndoReport
from handrail.testing import Team, TeamTask
from tests.promises.step_tools import ledger
from tests.promises.undo_again import TOOLS, Outside, asked, done, traveller, undoer_of

TeamOf = Callable[..., Team]


async def killed_after_its_act(team: Team, task: TeamTask) -> TeamTask:
    """Have a task undone by a process that dies once the tool has acted."""
    undoer = undoer_of(team)
    (member,) = [one for one in team.members if one.agent is undoer]
    await team.kill(undoer, at="after_act/unbook")
    undoing = await team.undo(task)
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
