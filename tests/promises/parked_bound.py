"""What a lane does in which as much rests as may, on whatever broker `team_of` uses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from pydantic import BaseModel

from handrail import Context, Topic, agent, results
from handrail.lane.bounds import LaneBounds
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.testing import Team
from tests.waiting import until

TeamOf = Callable[..., Team]

SAID: list[str] = []

jobs = Topic("jobs", carries=str)


class Word(BaseModel):
    said: str


@agent(reads=jobs, writes=results)
async def waiter(text: str, ctx: Context) -> str:
    SAID.append(f"{text} began")
    if text.startswith("sleeper"):
        await ctx.sleep(timedelta(minutes=10))
        SAID.append(f"{text} woke")
        await ctx.sleep(timedelta(days=1))
    if text.startswith("asker"):
        first = await ctx.ask_person("A word?", returns=Word)
        SAID.append(f"{text} heard {first.said}")
        await ctx.ask_person("Another word?", returns=Word)
    return text


def lane_of(team: Team) -> LaneRunner:
    """Give the one lane of a team with one partition."""
    (runner,) = team.members[0].process._workers[0].lanes.values()
    return runner


async def test_a_lane_in_which_as_much_rests_as_may_reads_no_further_until_one_has_ended(
    team_of: TeamOf,
) -> None:
    SAID.clear()
    async with team_of(waiter, partitions=1) as team:
        runner = lane_of(team)
        lane = runner.lane
        assert lane is not None
        lane.settings = replace(lane.settings, bounds=LaneBounds(parked=3))
        asker = await team.submit(jobs, "asker")
        sleepers = [await team.submit(jobs, f"sleeper {n}") for n in (1, 2)]
        await until(lambda: lane.parked_count == 3, what="three rest")
        # That it is full is seen when it has taken in what comes next.
        assert await (await team.submit(jobs, "next")).result(str) == "next"
        await until(lambda: runner._paused, what="the inbox is paused")
        held = await team.submit(jobs, "held")

        await team.advance(minutes=10, seconds=1)
        await until(lambda: "sleeper 2 woke" in SAID, what="timers go on")
        await team.answer(asker, {"said": "yes"})
        await until(lambda: "asker heard yes" in SAID, what="answers go on")
        await asker.until("input_required")
        assert "held began" not in SAID
        assert lane.parked_count == 3

        await team.answer(asker, {"said": "no"})
        assert await held.result(str) == "held"
        await team.advance(hours=25)
        assert [await one.result(str) for one in sleepers] == ["sleeper 1", "sleeper 2"]
