"""What a server was given to keep is in nothing that is kept of what it says."""

import base64
import json
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
from handrail.rails.mcp.held import LOOKED_AT_CHARS, secrets_of, values_without
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Standing
from handrail.rails.mcp.tools import McpTools, ServerTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.rawhttp import RawHttp, response
from tests.mcp_servers.rawhttp import running as raw_running
from tests.mcp_servers.wayward import Wayward, warm, weather
from tests.unit.rails.mcp.test_servers import CRUDE, NAME, PARIS, approved

TOKEN = "token-4d1f8e0a"
HIDDEN = TOKEN.replace("-", "-\u200b")


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


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("PGPASSWORD", "hunter22-a", {"PGPASSWORD": "hunter22-a"}),
        ("MYSQL_PWD", "hunter22-a", {"MYSQL_PWD": "hunter22-a"}),
        ("github_token", "hunter22-a", {"github_token": "hunter22-a"}),
        ("OPENAI_API_KEY2", "hunter22-a", {"OPENAI_API_KEY2": "hunter22-a"}),
        ("AWS_ACCESS_KEY_ID", "hunter22-a", {"AWS_ACCESS_KEY_ID": "hunter22-a"}),
        ("GCP_CREDENTIALS", "hunter22-a", {"GCP_CREDENTIALS": "hunter22-a"}),
        ("SESSION_COOKIE", "hunter22-a", {"SESSION_COOKIE": "hunter22-a"}),
        ("NPM_AUTH", "hunter22-a", {"NPM_AUTH": "hunter22-a"}),
        ("PGHOST", "localhost", {}),
        ("PGUSER", "postgres", {}),
        ("NODE_ENV", "production", {}),
        ("AUTHOR_NAME", "Ada Lovelace", {}),
        ("TOKENIZER_FOLDER", "/srv/words", {}),
        ("PGPASSWORD", "test1", {"PGPASSWORD": "test1"}),
        ("DB_PASS", "471108", {"DB_PASS": "471108"}),
        ("MAX_TOKENS", "4096", {}),
        ("TOKEN_TTL", "3600", {}),
        ("USE_AUTH", "true", {}),
        ("API_KEY", "abc", {}),
        (
            "DATABASE_URL",
            "postgres://ada:test1@db/x",
            {"DATABASE_URL": "postgres://ada:test1@db/x", "DATABASE_URL password": "test1"},
        ),
        ("OLDPWD", "/srv/words", {}),
        ("BASE_URL", "https://a.example:8443/b@c", {}),
        (
            "DATABASE_URL",
            "postgres://ada:hunter%2322@db/x",
            {
                "DATABASE_URL": "postgres://ada:hunter%2322@db/x",
                "DATABASE_URL password": "hunter#22",
            },
        ),
    ],
)
def test_a_variable_is_a_secret_by_its_name_or_by_a_password_in_its_url(
    name: str, value: str, found: dict[str, str]
) -> None:
    server = read_servers({"sky": {"command": ["x"], "env": [name]}})["sky"]

    assert secrets_of(server, {name: value}) == found


def test_a_short_secret_is_taken_out_where_it_stands_as_a_word() -> None:
    server = read_servers({"sky": {"command": ["x"], "env": ["PGPASSWORD"]}})["sky"]
    held = secrets_of(server, {"PGPASSWORD": "test1"})
    inner = json.dumps({"said": json.dumps({"out": "login\ntest1\nno test12, latest1"})})
    basic = base64.b64encode(b"ada:test1").decode()

    told = values_without({"a": "test1", "b": inner, "c": basic, "d": "x_test1%20"}, held)

    mark = "[secret PGPASSWORD]"
    assert told["a"] == mark
    assert json.loads(json.loads(told["b"])["said"])["out"] == f"login\n{mark}\nno test12, latest1"
    assert mark in told["c"]
    assert told["d"] == f"x_{mark}%20"


async def test_a_token_that_is_too_short_to_be_found_again_is_not_sent(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", "abc")

    async with McpTools({"sky": with_token(sky)}, tmp_path, {}) as tools:
        told = await tools.call(NAME, PARIS)

    assert told.ending is Ending.AWAY
    assert "SKY_TOKEN has fewer than 4 characters" in told.detail
    assert sky.requests_count == 0


async def test_a_variable_that_is_no_secret_is_read_in_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_ENV", "production")
    command = [sys.executable, "-S", str(CRUDE), "tells"]
    server = read_servers({"sky": {"command": command, "env": ["NODE_ENV"]}})["sky"]

    told = await called(server, tmp_path, "sky_echo", b'{"text": "NODE_ENV"}')

    assert orjson.loads(told.result) == [{"type": "text", "text": "beside production"}]


@pytest.mark.parametrize(
    "answer",
    [
        text(f"you are {HIDDEN}").model_copy(update={"structured_content": {"degrees": 1}}),
        text(f"invalid key {HIDDEN}").model_copy(update={"is_error": True}),
        MCPError(code=-32000, message=f"invalid key {HIDDEN}"),
        MCPError(code=-32000, message="\u200b" * (LOOKED_AT_CHARS - len(TOKEN) // 2) + TOKEN),
    ],
    ids=["result", "failure", "error", "one that is cut in it"],
)
async def test_a_token_between_whose_letters_nobody_sees_others_is_taken_out(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    sky.tools = [weather().model_copy(update={"output_schema": None})]
    if isinstance(answer, types.CallToolResult):
        answer = answer.model_copy(update={"structured_content": None})
    sky.answer = answer

    told = await called(with_token(sky), tmp_path, NAME, PARIS)

    assert TOKEN[: len(TOKEN) // 2] not in repr(told)


async def test_a_definition_that_is_too_long_is_told_and_none_of_its_words_are_kept(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    wide = {"type": "object", "properties": {"a": {"enum": ["a"] * 100_000}}}
    update = {"description": f"For {TOKEN}.", "input_schema": wide}
    sky.tools = [weather().model_copy(update=update)]
    one = ServerTools(with_token(sky), tmp_path, {})

    (judged,) = await one.judged()
    await one.close()

    assert judged.standing is Standing.UNUSABLE
    assert "longer than" in judged.detail
    assert judged.offered is not None
    assert not judged.offered.description.strip()


async def test_a_result_that_is_too_long_is_refused_before_it_is_looked_into(
    sky: Wayward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKY_TOKEN", "x" * 100)
    sky.answer = text("x" * 300_000)

    told = await called(with_token(sky), tmp_path, NAME, PARIS)

    # Cleared, it would be short enough.
    assert told.ending is Ending.TOO_LARGE


async def test_no_log_line_of_the_sdk_repeats_what_a_server_has_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    said = f"token {TOKEN} is not known".encode()
    async with raw_running(RawHttp({"initialize": lambda _: response(said)})) as raw:
        table = {"url": raw.url, "token_env": "SKY_TOKEN", "spec": "2025-11-25", "start_s": 5}
        async with McpTools(read_servers({"sky": table}), tmp_path, {}) as tools:
            await tools.call(NAME, PARIS)

    assert TOKEN not in caplog.text


async def test_no_log_line_of_a_request_repeats_the_words_of_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setenv("SKY_TOKEN", TOKEN)
    says = {"initialize": lambda _: response(b"{}", status=f"500 {TOKEN}")}
    async with raw_running(RawHttp(says)) as raw:
        table = {"url": raw.url, "token_env": "SKY_TOKEN", "spec": "2025-11-25", "start_s": 5}
        async with McpTools(read_servers({"sky": table}), tmp_path, {}) as tools:
            told = await tools.call(NAME, PARIS)

    assert "500" in caplog.text
    assert TOKEN not in caplog.text + repr(told)


def test_a_variable_that_is_shown_and_not_given_is_told() -> None:
    with pytest.raises(SettingWrong, match="which `env` does not"):
        read_servers({"sky": {"command": ["x"], "env_shown": ["SKY_KEY"]}})
