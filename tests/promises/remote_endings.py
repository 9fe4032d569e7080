"""What is promised of a call to a remote tool that did not end with a result, on any broker."""

from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from handrail import Context, agent, results
from handrail.errors import TaskFailed
from tests.mcp_servers.wayward import Wayward, warm
from tests.promises.remote_tools import TeamOf, Weather, forecaster, get_weather, running
from tests.promises.step_tools import jobs

FAILED = types.CallToolResult(
    content=[types.TextContent(type="text", text="the receipt was lost")], is_error=True
)


@agent(reads=jobs, writes=results)
async def trusting(city: str, ctx: Context) -> str:
    return f"{(await ctx.call(get_weather, city=city)).degrees:g} in {city}"


def declared(effect: str) -> dict[str, Any]:
    """Say what an operator does, who wants to be asked by nobody."""
    return {"effects": {"getWeather": effect}, "approval": {"getWeather": "none"}}


@pytest.mark.parametrize(
    ("effect", "state"),
    [
        ("read", "precondition_failed"),
        ("paid", "precondition_failed"),
        ("unsafe", "outcome_unknown"),
    ],
)
async def test_a_tool_that_says_that_it_failed_is_told_by_what_it_does(
    team_of: TeamOf, sky: Wayward, tmp_path: Path, effect: str, state: str
) -> None:
    sky.answer = FAILED
    async with running(team_of, forecaster, sky, tmp_path, **declared(effect)) as team:
        told = await (await team.submit(jobs, "Paris")).result(str)

    assert told.startswith(f"{state}: The server of sky_get_weather answered that the tool failed")
    assert "untrusted: the receipt was lost" in told
    assert len(sky.calls) == 1


async def test_an_act_whose_server_fails_after_it_is_put_to_a_person_and_never_sent_again(
    team_of: TeamOf, sky: Wayward, tmp_path: Path
) -> None:
    sky.answer = ValueError("the receipt was lost")
    async with running(team_of, trusting, sky, tmp_path, **declared("unsafe")) as team:
        task = await team.submit(jobs, "Paris")
        with pytest.raises(TaskFailed):
            await task.result(str)
        (letter,) = await task.dead_letters()
        sky.answer = warm()
        await team.redrive(task)
        await task.until("input_required")
        await team.resolve(task, happened=True, result=Weather(degrees=21.5))

        assert await task.result(str) == "21.5 in Paris"

    assert letter.failure.reason == "in_doubt"
    assert sky.calls == [{"city": "Paris"}]


async def test_what_only_reads_is_asked_again_when_its_server_has_failed(
    team_of: TeamOf, sky: Wayward, tmp_path: Path
) -> None:
    sky.fails_first = 1
    async with running(team_of, trusting, sky, tmp_path, **declared("read")) as team:
        told = await (await team.submit(jobs, "Paris")).result(str)

    assert told == "21.5 in Paris"
    assert len(sky.calls) == 2
