"""No secret of a tool is in a topic, a log line, a prompt or the ledger, on whatever broker.

Each place is looked into by a test that a planted leak into that very place turns red: the plants
are kept, so that a place that nobody looks into any more is found.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import mcp_types as types
import pytest
import structlog
from mcp import MCPError

from handrail import Context, Effect, Refused, State, ToolContext, agent, remote_tool, results, tool
from handrail.contract.cleared import cleared
from handrail.errors import TaskFailed
from handrail.runtime.remote_tools import remote_tools
from handrail.testing import Team, says
from handrail.testing.accounting import read_all
from handrail.wire.record import Record
from tests.captured_lines import captured_lines
from tests.mcp_servers import crude
from tests.mcp_servers.wayward import Wayward, warm, weather
from tests.promises.remote_tools import approve_all, sky  # noqa: F401 - a fixture of every test
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]
CANARY = 'canary-4d1f"8e\\0a'
BESIDE = "no-login-for"  #: stands beside the secret wherever a tool says it
PLACES = ("topics", "logs", "prompts", "ledger")
WAYS = ("return", "refuse", "title", "raise", "die")

log = structlog.get_logger("tests.canaries")


class Plant:
    """Where the agent leaks what it should not even know; nowhere, unless a test says so."""

    place: ClassVar[str] = ""

    @classmethod
    def at(cls, place: str) -> str:
        """Give the secret to whoever leaks it there."""
        return CANARY if cls.place == place else ""


@pytest.fixture(autouse=True)
def no_plant() -> None:
    Plant.place = ""


@tool(
    effect=Effect.READ,
    secrets=["secret://{tenant}/psp"],
    failures=[State.NOT_FOUND, State.DEPENDENCY_UNAVAILABLE],
)
async def charge(ctx: ToolContext, how: str) -> str:
    """Charge somebody, or fail, in words that hold the secret."""
    key = ctx.secrets["psp"]
    if how == "refuse":
        raise Refused(State.NOT_FOUND, f"{BESIDE} {key}", remedy=f"use {key}")
    if how == "title":
        raise Refused(State.NOT_FOUND, "no such login", title=f"{BESIDE} {key}")
    if how == "die":
        raise Refused(State.NOT_FOUND, f"{BESIDE} {key}")
    if how == "raise":
        raise ValueError(f"{BESIDE} {key}", {"password": key}) from OSError(key)
    return f"{BESIDE} {key}"


@agent(reads=jobs, writes=results)
async def clerk(how: str, ctx: Context) -> str:
    """Charge, tell a model and a log what came of it, and hand it on; leak what is planted."""
    try:
        said = await ctx.call(charge, how=how)
    except Refused as no:
        if how == "die":
            raise
        said = f"{no.title} {no.detail} {no.remedy}"
    log.info("charged", said=said, more=Plant.at("logs"))
    told = f"{said} {Plant.at('prompts')}"
    await ctx.model(f"What does this mean? {told}", returns=str)
    if Plant.place == "ledger":
        raise RuntimeError(Plant.at("ledger"))
    return Plant.at("topics") or said


def as_text(record: Record) -> str:
    """Give all that a record holds."""
    parts = [record.key, record.value, *(value for _, value in record.headers)]
    return "\n".join((part or b"").decode("utf-8", "replace") for part in parts)


async def left_by(team: Team) -> dict[str, str]:
    """Run one task of each way, and give all that is left behind, by the place where it lies."""
    team.allow(charge)
    team.secret("psp", CANARY)
    team.model.script(*(says("nothing much") for _ in WAYS))
    with captured_lines() as lines:
        for how in WAYS:
            task = await team.submit(jobs, how)
            if Plant.place == "ledger" or how == "die":
                with pytest.raises(TaskFailed):
                    await task.result(str)
            else:
                await task.result(str)
    return await seen(team, lines)


async def seen(team: Team, lines: Sequence[object]) -> dict[str, str]:
    """Give all that a team has left behind, by the place where it lies."""
    names = [one for one in await team.bus.admin.topics() if one.startswith(team.full(""))]
    texts = {
        name.removeprefix(team.full("")): "\n".join(map(as_text, await read_all(team.bus, name)))
        for name in names
    }
    return {
        "ledger": texts.pop("ledger"),
        "topics": "\n".join(texts.values()),
        "logs": "\n".join(map(str, lines)),
        "prompts": "\n".join(one.model_dump_json() for one in team.model.asked),
    }


def leaks(left: dict[str, str]) -> set[str]:
    """Give the places in which the secret stands, in whatever form it may be written."""
    return {place for place, text in left.items() if cleared(text, {"psp": CANARY}) != text}


async def test_no_secret_is_in_a_topic_a_log_a_prompt_or_the_ledger(team_of: TeamOf) -> None:
    async with team_of(clerk, tools=[charge], partitions=1) as team:
        left = await left_by(team)

    assert leaks(left) == set()
    # What stood beside it has arrived: these are the places where it would be.
    assert {place for place, text in left.items() if BESIDE in text} == set(PLACES)


@pytest.mark.parametrize("place", PLACES)
async def test_a_secret_that_is_leaked_into_a_place_is_found_there(
    team_of: TeamOf, place: str
) -> None:
    Plant.place = place
    async with team_of(clerk, tools=[charge], partitions=1) as team:
        left = await left_by(team)

    assert place in leaks(left)
    # The ledger is told of an error by its words, and so is the dead letter; what a model was asked
    # is in the journal, in JSON that is a text of JSON.
    beside = {"ledger": {"topics", "logs"}, "prompts": {"topics"}}
    assert leaks(left) <= {place} | beside.get(place, set())


#: Tools of two servers: one is reached with a token, one is started with a variable.
ask_sky = remote_tool("sky", "getWeather", returns=object)
ask_den = remote_tool("den", "echo", returns=object)


@agent(reads=jobs, writes=results)
async def traveller(how: str, ctx: Context) -> str:
    """Ask both servers, tell a model and a log what came of it, and hand it on."""
    try:
        said = str(await ctx.call(ask_sky, city="Paris"))
    except Refused as no:
        said = f"{no.title} {no.detail} {no.remedy}"
    said = f"{said} {await ctx.call(ask_den, text='DEN_KEY')}"
    log.info("asked", said=said)
    await ctx.model(f"What does this mean? {said}", returns=str)
    if how == "die":
        raise RuntimeError(said)
    return said


async def test_what_a_server_was_given_to_keep_is_in_nothing_though_it_says_it(
    team_of: TeamOf,
    sky: Wayward,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKY_TOKEN", f"{CANARY}\n")
    monkeypatch.setenv("DEN_KEY", CANARY)
    command = [sys.executable, "-S", crude.__file__, "tells"]
    effects = {"getWeather": "read", "echo": "read"}
    tables = {
        "sky": {"url": sky.url, "token_env": "SKY_TOKEN", "effects": effects},
        "den": {"command": command, "env": ["DEN_KEY"], "effects": effects},
    }
    sky.tools = [weather().model_copy(update={"output_schema": None})]
    await approve_all(tables, tmp_path)
    said = types.TextContent(type="text", text=f"{BESIDE} {CANARY}")
    told = warm().model_copy(update={"content": [said], "structured_content": None})
    async with (
        remote_tools(tables, tmp_path, [ask_sky, ask_den]),
        team_of(traveller, tools=[ask_sky, ask_den], partitions=1) as team,
    ):
        team.allow(ask_sky)
        team.allow(ask_den)
        team.model.script(*(says("nothing much") for _ in range(3)))
        with captured_lines() as lines:
            for how, answer in (
                ("return", told),
                ("refuse", MCPError(code=-32000, message=f"{BESIDE} {CANARY}")),
                ("die", told.model_copy(update={"is_error": True})),
            ):
                sky.answer = answer
                task = await team.submit(jobs, how)
                if how == "die":
                    with pytest.raises(TaskFailed):
                        await task.result(str)
                else:
                    await task.result(str)
        left = await seen(team, lines)

    assert leaks(left) == set()
    assert {place for place, text in left.items() if BESIDE in text} == set(PLACES)
