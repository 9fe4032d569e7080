"""What a program promises that sends dead letters back or gives them up, on any broker."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from handrail.errors import LetterStays, SubmissionInvalid
from handrail.errors.cli import DeadLetterUnknown
from handrail.testing import Team
from handrail.testing.letters import open_letters
from tests.promises.redrives import (
    NO,
    TOOLS,
    Order,
    World,
    a_rejected_order,
    clerk,
    died,
    real,
    seller,
)
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]
R = TypeVar("R")


async def as_time_passes(team: Team, doing: Coroutine[Any, Any, R]) -> R:
    """Let lanes look at what has come for them until it is done, and give what it gives."""
    done = asyncio.create_task(doing)
    while not done.done():
        await team.advance(seconds=1)
    return await done


async def test_a_client_that_has_sent_a_letter_back_is_told_of_its_new_life_only(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        (sent,) = await as_time_passes(team, team.client.redrive(task.task, by="ann"))

        assert await task.task.result(str, timeout_s=team.patience_s) == "book x done"
        assert sent.taken
        with pytest.raises(DeadLetterUnknown, match="each was sent back or given up already"):
            await team.client.redrive(task.task)


async def test_a_client_sees_a_refused_one_as_submitted_again_once_it_has_sent_it_back(
    team_of: TeamOf,
) -> None:
    async with team_of(seller) as team:
        task = await a_rejected_order(team, "invoice-8", b"[]")
        with pytest.raises(LetterStays, match="would die again at once"):
            await as_time_passes(team, team.client.redrive(task.task))
        await as_time_passes(team, team.client.redrive(task.task, edit=Order(text="a car")))

        assert await task.task.result(str, timeout_s=team.patience_s) == "sold a car"


async def test_a_client_gives_a_letter_up_with_a_reason(team_of: TeamOf, world: World) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        with pytest.raises(SubmissionInvalid, match="say in words why"):
            await team.client.discard(task.task, " ")
        discarding = team.client.discard(task.task, "the customer has left")
        (given_up,) = await as_time_passes(team, discarding)

        assert given_up.taken
        assert await open_letters(team, task) == []
        assert await task.state() == "failed"
