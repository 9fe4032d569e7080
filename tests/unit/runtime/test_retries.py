"""What lanes promise about failures, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail import Refused, State
from handrail.testing import Team
from tests.promises.retries import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.retries import World, shaky
from tests.promises.step_tools import jobs


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


async def test_after_the_quick_tries_it_rests_says_why_and_goes_on_for_an_hour(
    world: World,
) -> None:
    world.errors = [ConnectionError("the archive is away") for _ in range(10_000)]
    async with Team(shaky, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await team.settle()
        await team.advance(minutes=20)

        assert "the archive is away" in await task.task.explanation()
        assert "tries again at" in await task.task.explanation()
        assert 15 < len(world.done) < 200
        world.errors.clear()
        await team.advance(minutes=2)
        assert await task.result(str) == "x"


async def test_an_hour_of_failing_ends_in_a_dead_letter(world: World) -> None:
    world.errors = [ConnectionError("away") for _ in range(10_000)]
    async with Team(shaky) as team:
        began_ms = team.clock.now_ms()
        task = await team.submit(jobs, "x")
        await team.settle()
        await team.advance(hours=1, minutes=1)

        (letter,) = await task.dead_letters()
        failure = letter.failure
        assert (failure.reason, failure.attempts) == ("attempts", len(world.done))
        assert failure.failed_ms - began_ms <= 3_600_000
        assert failure.failed_ms - began_ms >= 3_500_000


async def test_a_deadline_ends_what_rests_for_a_retry(world: World) -> None:
    world.errors = [Refused(State.RATE_LIMITED, "come back", retry_after_s=50)]
    async with Team(shaky) as team:
        task = await team.submit(jobs, "x", deadline_s=60)
        await team.settle()
        world.errors = [Refused(State.RATE_LIMITED, "come back", retry_after_s=50)] * 9
        await team.advance(minutes=2)

        (letter,) = await task.dead_letters()
        assert (letter.failure.reason, letter.failure.attempts) == ("deadline", 2)
