"""What a lane promises of a dead letter that is sent back with another message, on any broker."""

from collections.abc import Callable

import pytest

from handrail import Refused, State
from handrail.testing import Team
from handrail.testing.letters import open_letters
from tests.promises.redrives import NO, TOOLS, World, clerk, died, real, world
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]

__all__ = [
    "test_an_edited_message_does_no_step_anew_that_may_have_happened_with_the_original_one",
    "test_an_edited_message_is_carried_out_where_no_step_is_recorded",
    "test_an_edited_message_is_carried_out_with_all_its_steps_done_anew",
    "test_an_edited_message_keeps_the_steps_before_the_one_that_is_named",
    "test_what_an_edited_message_asks_for_otherwise_is_put_down_to_the_message",
    "world",
]


async def test_an_edited_message_is_carried_out_with_all_its_steps_done_anew(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        with pytest.raises(AssertionError, match=r"step 1 `look.*--from-step N"):
            await team.redrive(task, edit="y")
        await team.redrive(task, edit="y", from_step=1)

        assert await task.result(str) == "book y done"
        assert world.done == ["look x", "pay x", "book x", "look y", "pay y", "book y"]


async def test_an_edited_message_is_carried_out_where_no_step_is_recorded(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["look"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await team.redrive(task, edit="y")

        assert await task.result(str) == "book y done"
        assert world.done == ["look x", "look y", "pay y", "book y"]


async def test_an_edited_message_keeps_the_steps_before_the_one_that_is_named(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await team.redrive(task, edit="x", from_step=3)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "book x"]


async def test_an_edited_message_does_no_step_anew_that_may_have_happened_with_the_original_one(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = Refused(State.INTERNAL, "it fell over")
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("failed")
        world.wrong.clear()
        with pytest.raises(AssertionError, match=r"step 3 `book.*may have been carried out"):
            await team.redrive(task, edit="y", from_step=1)
        await team.redrive(task)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "book x"]


async def test_what_an_edited_message_asks_for_otherwise_is_put_down_to_the_message(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await team.redrive(task, edit="y", from_step=2)
        await task.until("failed")
        (letter,) = await open_letters(team, task)
        said = str(letter.letter.failure.exception_message)

        assert "the message was edited when it was sent back" in said
        assert "--from-step 1" in said
        assert "code" not in said
        await team.redrive(task, edit="y", from_step=1)
        assert await task.result(str) == "book y done"
