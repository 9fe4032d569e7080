"""What the SDK would do by itself, and our client leaves out."""

from collections.abc import Iterator
from pathlib import Path

import mcp_types as types
import pytest
from mcp import MCPError

from handrail.contract.failure import State
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.server import read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import ServerTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.wayward import Wayward, warm, weather

PARIS, NAME = b'{"city": "Paris"}', "sky_get_weather"


@pytest.fixture
def sky() -> Iterator[Wayward]:
    """A server that does as it is told."""
    with own.running(Wayward()) as running:
        yield running


async def called(sky: Wayward, folder: Path) -> Answer:
    """Approve what a server offers, and call its tool."""
    server = read_servers({"sky": {"url": sky.url, "timeout_s": 20}})["sky"]
    first = ServerTools(server, folder, {})
    offered = [one.offered for one in await first.judged() if one.offered]
    await first.close()
    tools = ServerTools(server, folder, {"sky": {one.name: Pin(one, "ada", "") for one in offered}})
    try:
        return await tools.call(NAME, PARIS)
    finally:
        await tools.close()


async def test_a_code_that_asks_for_another_header_sends_no_call_a_second_time(
    sky: Wayward, tmp_path: Path
) -> None:
    # Any tool may raise it, after it has acted: a server of the SDK hands on whatever it raises.
    sky.answer = MCPError(code=types.HEADER_MISMATCH, message="Mcp-Param-City does not match")

    answer = await called(sky, tmp_path)

    assert (answer.ending, answer.state) == (Ending.SERVER_FAILED, State.OUTCOME_UNKNOWN)
    assert sky.calls == [{"city": "Paris"}]


async def test_a_result_is_judged_in_bounded_time_by_a_pattern_of_its_server(
    sky: Wayward, tmp_path: Path
) -> None:
    text = {"type": "string", "pattern": "^(a+)+$"}
    promised = {"type": "object", "properties": {"text": text}}
    sky.tools = [weather().model_copy(update={"output_schema": promised})]
    sky.answer = warm().model_copy(update={"structured_content": {"text": "a" * 60 + "!"}})

    answer = await called(sky, tmp_path)

    assert answer.ending is Ending.MALFORMED
    assert "does not match" in answer.detail
