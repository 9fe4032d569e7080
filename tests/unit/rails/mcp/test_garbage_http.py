"""Whatever an MCP server sends over HTTP, each call ends in words and the next one is answered."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from handrail.contract.failure import State
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import ServerTools
from tests.mcp_servers.garbler import good
from tests.mcp_servers.rawhttp import RawHttp, answered, response, running

HERE, HI, NAME = Path(__file__).parent, b'{"text": "hi"}', "odd_echo"
PATIENT, HASTY, ENDS_WITHIN_S = 30.0, 0.5, 600.0
EVENTS = "text/event-stream"


def declared(url: str, within_s: float) -> McpServer:
    usual = {"url": url, "spec": "2025-11-25", "listed_s": 3_600, "start_s": PATIENT}
    return read_servers({"odd": {**usual, "timeout_s": within_s}})["odd"]


def event(data: bytes) -> bytes:
    return response(b"event: message\ndata: " + data + b"\n\n", EVENTS)


@pytest.mark.parametrize(
    "sent",
    [
        lambda _: response(b"<html>sign in</html>", "text/html"),
        lambda _: response(b"<html>sign in</html>"),
        lambda _: response(b"\xff\xfe{"),
        lambda _: response(b"[" * 100_000 + b"]" * 100_000),
        lambda _: response(b"", status="500 Internal Server Error"),
        lambda _: response(b"no such thing", "text/plain", "404 Not Found"),
        lambda _: response(b"", status="204 No Content"),
        lambda number: answered(number + 1_000, good("hi")),
        lambda number: answered(number, "no result"),
        lambda number: answered(number, good("hi"))[:-10],
        lambda number: answered(number, good("x" * 12_000_000)),
        lambda _: b"",
        lambda _: b"HTTP/1.1 200",
        lambda _: b"\x16\x03\x01garbage\r\n\r\n",
        lambda _: event(b"not json"),
        lambda _: event(b'{"jsonrpc":"2.0","method":"notifications/x"}'),
        lambda _: response(b"data: x\n\n" * 1_000, EVENTS),
        lambda _: response(b"data: " + b"x" * 9_000_000, EVENTS),
    ],
    ids=[
        *("a page", "a page as JSON", "not UTF-8", "deep", "500", "404", "204", "another id"),
        *("no object", "cut", "huge", "nothing", "half a head", "no HTTP", "event of no JSON"),
        *("only a notification", "many events", "endless event"),
    ],
)
async def test_garbage_over_http_ends_in_words_and_the_next_call_is_answered(sent: Any) -> None:
    async with running(RawHttp()) as raw:
        first = ServerTools(declared(raw.url, PATIENT), HERE, {})
        pins = {
            one.offered.name: Pin(one.offered, "ada", "")
            for one in await first.judged()
            if one.offered
        }
        await first.close()
        one = ServerTools(declared(raw.url, HASTY), HERE, {"odd": pins})
        try:
            raw.says["tools/call"] = sent
            async with asyncio.timeout(ENDS_WITHIN_S):
                ended = await one.call(NAME, HI)
            raw.says.clear()
            await one.close()
            one.server = declared(raw.url, PATIENT)
            again = await one.call(NAME, HI)
        finally:
            await one.close()

    assert ended.ending is not Ending.DONE
    assert isinstance(ended.state, State)
    assert ended.title
    assert ended.remedy
    assert len(ended.detail) < 1_000
    assert (again.ending, again.result) == (Ending.DONE, b'{"text":"hi"}')
