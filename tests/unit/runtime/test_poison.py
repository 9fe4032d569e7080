"""What lanes do with a handoff that kills its process, on a broker in memory."""

from collections.abc import Callable

import pytest

from handrail import Context, Topic, agent, results
from handrail.testing import Team
from tests.promises.gate import Gate
from tests.promises.poison import *  # noqa: F403 - every test of it is a test of this file
from tests.waiting import until


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


naps = Topic("naps", carries=str, key=lambda text: text)


class Beds:
    """Who has begun, who has slept, and what holds them up before and after."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.risen: list[str] = []
        self.evening, self.morning = Gate(), Gate()


BEDS = Beds()


@agent(reads=naps, writes=results)
async def napper(text: str, ctx: Context) -> str:
    BEDS.begun.append(text)
    await BEDS.evening.pass_through()
    await ctx.sleep(120)
    BEDS.risen.append(text)
    await BEDS.morning.pass_through()
    return text


async def test_suspects_that_have_come_to_rest_go_on_side_by_side() -> None:
    BEDS.__init__()  # type: ignore[misc]  # the agent above knows it by its name
    names = [f"guest {number}" for number in range(6)]
    async with Team(napper, partitions=1) as team:
        tasks = [await team.submit(naps, name) for name in names]
        for life in range(1, 4):

            async def all_begun(life: int = life) -> bool:
                await team.advance(seconds=0.5)
                return len(BEDS.begun) == life * len(names)

            await until(all_begun)
            await team.kill(napper)
            await team.restart(napper)
        BEDS.evening.opened.set()
        await team.advance(minutes=1)
        # They are suspects for the second time, so each has had the process to itself.
        assert not BEDS.risen
        await team.advance(minutes=2)

        await until(lambda: sorted(BEDS.risen) == names, what="all go on at the same time")
        BEDS.morning.opened.set()
        assert [await task.result(str) for task in tasks] == names
