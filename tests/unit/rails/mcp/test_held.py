"""What a server was given to keep is in nothing that is kept of what it says."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_types as types
import orjson
import pytest
from mcp import MCPError

from handrail.errors import SettingWrong
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.held import secrets_of
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.tools import McpTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.wayward import Wayward, warm, weather
from tests.unit.rails.mcp.test_servers import CRUDE, NAME, PARIS, approved

TOKEN = "token-4d1f8e0a"


@pytest.fixture
def sky() -> Iterator[Wayward]:
    """A server that does as it is told."""
    with own.running(Wayward()) as running:
        yield running


def with_token(sky: Wayward) -> McpServer:
    """Declare it with a token."""
    return read_servers({"sky": {"url": sky.url, "token_env": "SKY_TOKEN", "listed_s": 0}})["sky"]


async def called(server: McpServer, folder: Path, name: str, arguments: bytes) -> Answer:
    """Approve all that it offers and call a tool."""
    pins = {"sky": await approved(server, folder)}
    async with McpTools({"sky": server}, folder, pins) as tools:
        return await tools.call(name, arguments)


def text(said: str) -> types.CallToolResult:
    """A result in words, and as promised."""
    content = [types.TextContent(type="text", text=said)]
    return warm().model_copy(update={"content": content})


@pytest.mark.parametrize(
    "answer",
    [
        text(f"you are {TOKEN}").model_copy(update={"structured_content": {"degrees": TOKEN}}),
        text(f"invalid key {TOKEN}").model_copy(update={"is_error": True}),
        MCPError(code=-32000, message=f"invalid key {TOKEN}"),
        MCPError(code=-32602, message=f"Authorization: Bearer {TOKEN}"),
    ],
    ids=["result that does not fit", "failure", "error", "header"],
)
async def test_a_server_that_repeats_its_token_is_told_without_it(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    sky.answer = answer

    told = await called(with_token(sky), tmp_path, NAME, PARIS)

    assert TOKEN not in repr(told)
    assert "[secret SKY_TOKEN]" in told.detail or "Bearer" in told.detail


async def test_a_result_and_a_definition_that_repeat_a_token_are_kept_without_it(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    plain = weather().model_copy(update={"description": f"For {TOKEN}.", "output_schema": None})
    sky.tools = [plain]
    sky.answer = text(f"you are {TOKEN}").model_copy(update={"structured_content": None})
    server = with_token(sky)

    pinned = await approved(server, tmp_path)
    told = await called(server, tmp_path, NAME, PARIS)

    assert pinned["getWeather"].definition.description == "For [secret SKY_TOKEN]."
    assert orjson.loads(told.result) == [{"type": "text", "text": "you are [secret SKY_TOKEN]"}]


async def test_a_token_is_sent_without_the_line_break_at_its_end(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", f"{TOKEN}\n")

    told = await called(with_token(sky), tmp_path, NAME, PARIS)

    assert told.ending is Ending.DONE


async def test_a_token_that_no_header_can_carry_is_refused_before_anything_is_sent(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", f"{TOKEN}\n{TOKEN}")

    async with McpTools({"sky": with_token(sky)}, tmp_path, {}) as tools:
        told = await tools.call(NAME, PARIS)

    assert told.ending is Ending.AWAY
    assert "SKY_TOKEN holds a line break" in told.detail
    assert TOKEN not in repr(told)
    assert sky.requests_count == 0


@pytest.mark.parametrize(
    ("shown", "said"), [((), "beside [secret SKY_KEY]"), (("SKY_KEY",), f"beside {TOKEN}")]
)
async def test_a_variable_that_a_started_server_repeats_is_kept_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("SKY_KEY", TOKEN)
    command = [sys.executable, "-S", str(CRUDE), "tells"]
    table = {"command": command, "env": ["SKY_KEY"], "env_shown": shown}
    server = read_servers({"sky": table})["sky"]

    told = await called(server, tmp_path, "sky_echo", b'{"text": "SKY_KEY"}')

    assert orjson.loads(told.result) == [{"type": "text", "text": said}]


def test_what_every_process_has_and_what_is_a_word_like_others_is_no_secret() -> None:
    table = {"command": ["x"], "env": ["HOME", "DEBUG", "SKY_KEY"]}
    server = read_servers({"sky": table})["sky"]
    environment = {"HOME": "/srv/ada-of-the-house", "DEBUG": "true", "SKY_KEY": f"{TOKEN}\n"}

    assert secrets_of(server, environment) == {"SKY_KEY": TOKEN}


def test_a_variable_that_is_shown_and_not_given_is_told() -> None:
    with pytest.raises(SettingWrong, match="which `env` does not"):
        read_servers({"sky": {"command": ["x"], "env_shown": ["SKY_KEY"]}})
