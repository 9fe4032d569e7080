"""The guide on a model of your own is code that runs: its class, its trial and its output."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from handrail.contract.effect import Effect
from handrail.contract.tool import tool
from handrail.errors import (
    HandrailError,
    ModelOverloaded,
    ModelRequestRefused,
    ModelStreamCut,
    ModelUnreachable,
)
from handrail.models.choose import model_from_environment
from handrail.models.loop import converse, model_call
from handrail.models.port import Model, ModelRequest
from handrail.runtime.team_imports import close_projects, import_named

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(
    r"^```(python)?\n(.*?)^```$",
    (ROOT / "docs/guide/your-own-model.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
ADAPTER, NAMING, TRIAL, OUTPUT = (text for _, text in BLOCKS)


@tool(effect=Effect.READ)
async def length_km(river: str) -> int:
    """Give the length of a river in kilometres."""
    return {"Rhine": 1233}[river]


class Chat:
    """A server that speaks chat completions and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.url = ""

    def says(self, content: str | None, finish: str = "stop", **message: Any) -> None:
        choice = {"finish_reason": finish, "message": {"content": content, **message}}
        self.answers.append((200, {"model": "tiny", "choices": [choice], "usage": {}}))

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        self.bodies.append(json.loads(await reader.readexactly(int(length.group(1)))))
        status, answer = self.answers.pop(0)
        body = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} Told\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    chat = Chat()
    server = await asyncio.start_server(chat.connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    chat.url = f"http://{host}:{port}"
    yield chat
    server.close()
    await server.wait_closed()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_models.py").write_text(ADAPTER)
    (tmp_path / "trial.py").write_text(TRIAL)
    return tmp_path


@pytest.fixture
def model(folder: Path, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setenv("CHAT_URL", chat.url)
    named = re.search(r"HANDRAIL_MODEL=(\S+)", NAMING)
    assert named is not None
    yield model_from_environment(
        {"HANDRAIL_MODEL": named.group(1)}, importing=partial(import_named, folder)
    )
    close_projects(folder)


async def never(name: str, arguments: object) -> str:
    raise AssertionError(name)


async def test_the_trial_prints_what_the_guide_says(folder: Path, chat: Chat) -> None:
    chat.says('["Rhine", "Elbe", "Danube"]')

    process = await asyncio.create_subprocess_exec(
        sys.executable, "trial.py", cwd=folder, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "CHAT_URL": chat.url, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    printed, _ = await process.communicate()

    assert printed.decode() == OUTPUT
    assert chat.bodies[0]["response_format"]["json_schema"]["schema"]["type"] == "array"


async def test_its_tools_are_called_and_bad_arguments_are_told(model: Model, chat: Chat) -> None:
    def wish(arguments: str) -> dict[str, Any]:
        return {"id": "c1", "function": {"name": "length_km", "arguments": arguments}}

    async def do_tool(name: str, arguments: dict[str, Any]) -> bytes:
        return length_km.result_as_json(await length_km.function(**length_km.checked(arguments)))

    chat.says(None, "tool_calls", tool_calls=[wish("{")])
    chat.says(None, "tool_calls", tool_calls=[wish('{"river": "Rhine"}')])
    chat.says("1233 km")

    answer = await converse(
        model_call("How long is the Rhine?", returns=str, tools=[length_km]), model.respond, do_tool
    )

    assert answer == "1233 km"
    told = [each["content"] for each in chat.bodies[2]["messages"] if each["role"] == "tool"]
    assert told[0].startswith("The arguments are not a JSON object")
    assert told[1] == "1233"


@pytest.mark.parametrize(("status", "kind"), [(429, ModelOverloaded), (400, ModelRequestRefused)])
async def test_its_errors_are_those_of_the_engine(
    model: Model, chat: Chat, status: int, kind: type[HandrailError]
) -> None:
    chat.answers.append((status, {"error": "told so"}))

    with pytest.raises(kind, match="told so"):
        await model.respond(ModelRequest(prompt="?"))


async def test_a_connection_that_is_lost_after_it_was_made_is_no_server_that_was_not_there(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("CHAT_URL", f"http://127.0.0.1:{port}")
        elsewhere = type(model)()

        # More than the buffers of both ends take, so that the sending itself is cut.
        with pytest.raises(ModelStreamCut):
            await elsewhere.respond(ModelRequest(prompt="?" * 20_000_000))


async def test_an_address_without_a_server_is_named(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:1")
    elsewhere = type(model)()

    with pytest.raises(ModelUnreachable, match=r"127\.0\.0\.1:1"):
        await elsewhere.respond(ModelRequest(prompt="?"))
