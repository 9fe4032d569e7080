"""What a program promises that sends dead letters back or gives them up, on any broker."""

import asyncio
from collections.abc import Callable

import pytest

from handrail.errors import LetterStays, SubmissionInvalid, TaskUnknown
from handrail.errors.cli import DeadLetterUnknown
from handrail.testing import Team
from handrail.testing.letters import open_letters
from handrail.testing.task import TeamTask
from handrail.wire.record import Outgoing
from tests.promises.redrives import NO, TOOLS, Order, World, clerk, died, real, seller
from tests.promises.step_tools import jobs
from tests.waiting import until

TeamOf = Callable[..., Team]


async def test_a_client_that_has_sent_a_letter_back_is_told_of_its_new_life_only(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        sending = asyncio.create_task(team.client.redrive(task.task, by="ann"))
        await team.advance(seconds=2)
        (sent,) = await sending

        assert await task.task.result(str, timeout_s=team.patience_s) == "book x done"
        assert sent.taken
        with pytest.raises(DeadLetterUnknown, match="each was sent back or given up already"):
            await team.client.redrive(task.task)


async def test_a_client_sees_a_refused_one_as_submitted_again_once_it_has_sent_it_back(
    team_of: TeamOf,
) -> None:
    async with team_of(seller) as team:
        broken = Outgoing(team.full("orders"), b"invoice-8", b"[]", ())
        await team.bus.sender().send(broken)

        async def known() -> TeamTask | None:
            try:
                return TeamTask(team, await team.client.task("invoice-8"))
            except TaskUnknown:
                return None

        task = await until(known, what="its task has a state")
        assert task is not None
        await task.until("rejected")
        refused = asyncio.create_task(team.client.redrive(task.task))
        await team.advance(seconds=2)
        with pytest.raises(LetterStays, match="would die again at once"):
            await refused
        sending = asyncio.create_task(team.client.redrive(task.task, edit=Order(text="a car")))
        await team.advance(seconds=2)
        await sending

        assert await task.task.result(str, timeout_s=team.patience_s) == "sold a car"


async def test_a_client_gives_a_letter_up_with_a_reason(team_of: TeamOf, world: World) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        with pytest.raises(SubmissionInvalid, match="say in words why"):
            await team.client.discard(task.task, " ")
        giving_up = asyncio.create_task(team.client.discard(task.task, "the customer has left"))
        await team.advance(seconds=2)
        (given_up,) = await giving_up

        assert given_up.taken
        assert await open_letters(team, task) == []
        assert await task.state() == "failed"
