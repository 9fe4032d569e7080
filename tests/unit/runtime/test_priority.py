"""What high priority promises, on a broker in memory; the same bodies run on Kafka."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from handrail import Topic, agent, results
from handrail.runtime.worker.carrying import Carrier
from handrail.testing import Team
from tests.promises.priority import *  # noqa: F403 - every test of it is a test of this file
from tests.waiting import until

KEYS = tuple(f"word {number}" for number in range(6))


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


lasting = Topic("lasting", carries=str, key=lambda text: text, priorities=True)


async def test_a_lane_that_has_moved_is_forgotten_though_its_handlers_end_late() -> None:
    began: list[str] = []
    cut_off: list[str] = []

    @agent(reads=lasting, writes=results)
    async def stubborn(text: str) -> str:
        began.append(text)
        try:
            if len(began) <= 2 * len(KEYS):
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.append(text)  # and it returns as if nothing had been
        return text

    before = {id(one) for one in carriers()}
    async with Team(stubborn, partitions=2) as team:
        tasks = [
            await team.submit(lasting, word, priority=priority)
            for priority in ("normal", "high")
            for word in KEYS
        ]
        await until(lambda: len(began) == 2 * len(KEYS), what="all of them have begun")
        await team.start(stubborn)
        await team.advance(seconds=30)
        assert cut_off, "a lane has moved"

        open_count = sum(len(member.process.status()[0].partitions) for member in team.members)
        await until(
            lambda: len({id(one) for one in carriers()} - before) == open_count,
            what="what has moved is kept by nobody",
        )
        await team.kill(stubborn)
        for task in tasks:
            await task.until("completed")


def carriers() -> list[Carrier]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, Carrier)]
