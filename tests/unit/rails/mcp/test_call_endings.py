"""Real servers, over HTTP and standard output: how a call ends, and when it is sent once more."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import orjson
import pytest
from mcp import MCPError
from pydantic import TypeAdapter

from handrail.contract.failure import State
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import ServerTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.garbler import HELLO, good
from tests.mcp_servers.rawhttp import RawHttp, Sends, answered, response, running
from tests.mcp_servers.wayward import Wayward
from tests.waiting import until

HERE, PATIENT = Path(__file__).parent, 30.0
CRUDE = Path(own.__file__).with_name("crude.py")
HI, PARIS = b'{"text": "hi"}', b'{"city": "Paris"}'
ACTS, LOOKS = "unsafe", "read"


def declared(tool: str, effect: str, **table: Any) -> McpServer:
    usual = {"listed_s": 3_600, "start_s": PATIENT, "timeout_s": PATIENT}
    effects = {"effects": {tool: effect}}
    return read_servers({"odd": {**usual, **effects, **table}})["odd"]


@asynccontextmanager
async def approved(server: McpServer) -> AsyncIterator[ServerTools]:
    """The tools of a server, everything pinned that it offers."""
    first = ServerTools(server, HERE, {})
    judged = await first.judged()
    await first.close()
    pins = {one.offered.name: Pin(one.offered, "ada", "") for one in judged if one.offered}
    one = ServerTools(server, HERE, {"odd": pins})
    try:
        yield one
    finally:
        await one.close()


def error(code: int, status: str = "200 OK") -> Sends:
    """Answer with an error of the protocol."""

    def sent(number: int) -> bytes:
        body = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": "no"}}
        return response(orjson.dumps(body), status=status)

    return sent


def status(line: str, head: str = "", kind: str = "text/html") -> Sends:
    """Answer with a status and a page."""
    return lambda _: response(b"<html>", f"{kind}\r\n{head}" if head else kind, line)


FAILED = {"isError": True, "content": [{"type": "text", "text": "it failed after the charge"}]}


@pytest.mark.parametrize(
    ("sent", "ending", "looks", "acts"),
    [
        (status("401 Unauthorized"), Ending.LOCKED_OUT, "unauthenticated", "unauthenticated"),
        (status("403 Forbidden"), Ending.FORBIDDEN, "unauthenticated", "outcome_unknown"),
        (status("429 Too Many Requests"), Ending.THROTTLED, "rate_limited", "outcome_unknown"),
        (status("404 Not Found"), Ending.STATUS_FAILED, "dependency_unavailable", "outcome_unknown"),
        (status("413 Too Large"), Ending.STATUS_REFUSED, "invalid_input", "outcome_unknown"),
        (status("502 Bad"), Ending.STATUS_FAILED, "dependency_unavailable", "outcome_unknown"),
        (status("504 Slow"), Ending.STATUS_FAILED, "dependency_unavailable", "outcome_unknown"),
        (status("200 OK"), Ending.NO_ANSWER, "output_invalid", "outcome_unknown"),
        (status("202 Accepted"), Ending.NO_ANSWER, "output_invalid", "outcome_unknown"),
        (
            status("200 OK", kind="application/json"),
            Ending.NO_ANSWER,
            "output_invalid",
            "outcome_unknown",
        ),
        (error(-32602), Ending.SERVER_REFUSED, "invalid_input", "outcome_unknown"),
        (error(-32602, "400 Bad"), Ending.SERVER_REFUSED, "invalid_input", "outcome_unknown"),
        (error(-32603), Ending.SERVER_FAILED, "dependency_unavailable", "outcome_unknown"),
        (error(-32000), Ending.SERVER_FAILED, "dependency_unavailable", "outcome_unknown"),
        (
            lambda number: answered(number, FAILED),
            Ending.TOOL_FAILED,
            "precondition_failed",
            "outcome_unknown",
        ),
        (
            lambda number: answered(number, {"content": "none"}),
            Ending.MALFORMED,
            "output_invalid",
            "output_invalid",
        ),
        (lambda _: b"", Ending.DIED, "dependency_unavailable", "outcome_unknown"),
        (lambda _: b"HTTP/1.1 2", Ending.DIED, "dependency_unavailable", "outcome_unknown"),
    ],
)
@pytest.mark.parametrize("effect", [LOOKS, ACTS])
async def test_what_a_server_sends_over_http_is_told_by_what_its_tool_does(
    sent: Sends, ending: Ending, looks: str, acts: str, effect: str
) -> None:
    async with (
        running(RawHttp()) as raw,
        approved(declared("echo", effect, url=raw.url, spec="2025-11-25")) as tools,
    ):
        calls = counted(raw, sent)

        found = await tools.call("odd_echo", HI)

    assert (found.ending, found.state) == (ending, State(looks if effect == LOOKS else acts))
    assert calls == [1]
    assert "pydantic" not in found.detail
    assert ("untrusted" in found.detail) == (
        ending in {Ending.SERVER_REFUSED, Ending.SERVER_FAILED, Ending.TOOL_FAILED}
    )


def counted(raw: RawHttp, sent: Sends) -> list[int]:
    """Answer calls so from now on; counts them."""
    calls = [0]

    def once(number: int) -> bytes:
        calls[0] += 1
        return sent(number)

    raw.says["tools/call"] = once
    return calls


async def test_a_server_over_http_says_for_how_long_it_is_to_be_left_alone() -> None:
    async with (
        running(RawHttp()) as raw,
        approved(declared("echo", LOOKS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        raw.says["tools/call"] = status("429 Too Many Requests", "retry-after: 7")

        found = await tools.call("odd_echo", HI)

    assert (found.state, found.retry_after_s) == (State.RATE_LIMITED, 7.0)


@pytest.fixture
def sky() -> Iterator[Wayward]:
    """A server of the SDK that does as it is told."""
    with own.running(Wayward()) as made:
        yield made


def of_the_bank() -> Exception:
    """What a body raises that has acted, and cannot read what came of it."""
    try:
        TypeAdapter(int).validate_python("no number")
    except ValueError as wrong:
        return wrong
    raise AssertionError


@pytest.mark.parametrize(
    "raised",
    [
        of_the_bank(),
        MCPError(-32601, "the client has no such method"),
        MCPError(-32600, "this transport has no way back"),
        ValueError("a defect"),
        types.CallToolResult(content=[], is_error=True),
    ],
    ids=["pydantic", "-32601", "-32600", "any other", "isError"],
)
@pytest.mark.parametrize("spec", ["2025-11-25", "2026-07-28"])
async def test_whatever_a_server_of_the_sdk_answers_after_it_has_acted_nobody_takes_it_for_a_no(
    sky: Wayward, raised: Any, spec: str
) -> None:
    sky.answer = raised
    async with approved(declared("getWeather", ACTS, url=sky.url, spec=spec)) as tools:
        found = await tools.call("odd_get_weather", PARIS)

    assert found.state is State.OUTCOME_UNKNOWN
    assert sky.calls == [{"city": "Paris"}]


# ---- what was not carried out


async def test_a_server_of_the_sdk_that_was_started_anew_is_called_over_a_new_session() -> None:
    wayward = Wayward()
    with own.running(wayward):
        port = int(wayward.url.split(":")[2].partition("/")[0])
        server = declared("getWeather", ACTS, url=wayward.url, spec="2025-11-25")
        stack = approved(server)
        tools = await stack.__aenter__()
        before = await tools.call("odd_get_weather", PARIS)
    with own.running(wayward, port):
        after = await tools.call("odd_get_weather", PARIS)
        await stack.__aexit__(None, None, None)

    assert (before.ending, after.ending) == (Ending.DONE, Ending.DONE)
    assert wayward.calls == [{"city": "Paris"}] * 2


class Sessions(RawHttp):
    """A server with sessions that it may forget; calls of a forgotten one get its `farewell`."""

    def __init__(self, farewell: bytes) -> None:
        """Begin with the first session."""
        super().__init__()
        self.farewell = farewell
        self.now = 0
        self.begun: list[int] = []
        self.acts = 0
        self.says["initialize"] = self._hello

    def forget(self) -> None:
        """Be another process, that knows nobody."""
        self.now += 1

    def _hello(self, number: int) -> bytes:
        self.begun.append(self.now)
        kind = f"application/json\r\nmcp-session-id: s{self.now}"
        return response(orjson.dumps({"jsonrpc": "2.0", "id": number, "result": HELLO}), kind)

    def answer(self, head: str, body: bytes) -> bytes:
        """Give what is sent."""
        asked = orjson.loads(body) if head.startswith("POST") else {}
        method = asked.get("method", "initialize")
        if method != "initialize" and f"mcp-session-id: s{self.now}\r" not in head.lower():
            return self.farewell
        self.acts += method == "tools/call"
        return super().answer(head, body)


GONE = response(b"", status="404 Not Found")
#: As servers of the SDKs say it.
GONE_IN_JSON = response(
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}',
    status="404 Not Found",
)


@pytest.mark.parametrize("farewell", [GONE, GONE_IN_JSON], ids=["no body", "a message"])
async def test_a_call_in_a_session_that_is_gone_is_sent_once_more_in_a_new_one(
    farewell: bytes,
) -> None:
    async with (
        running(Sessions(farewell)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        assert isinstance(raw, Sessions)
        before = await tools.call("odd_echo", HI)
        raw.forget()

        after = await tools.call("odd_echo", HI)

    assert (before.ending, after.ending) == (Ending.DONE, Ending.DONE)
    assert (raw.acts, raw.begun) == (2, [0, 0, 1])


async def test_a_server_that_forgets_each_session_is_asked_twice_and_told_as_away() -> None:
    async with (
        running(Sessions(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        assert isinstance(raw, Sessions)
        calls = counted(raw, lambda _: GONE)

        found = await tools.call("odd_echo", HI)

    assert (found.ending, found.state) == (Ending.SESSION_GONE, State.DEPENDENCY_UNAVAILABLE)
    assert calls == [2]


async def test_a_list_that_is_asked_in_a_session_that_is_gone_is_asked_in_a_new_one() -> None:
    async with (
        running(Sessions(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25", listed_s=0)) as tools,
    ):
        assert isinstance(raw, Sessions)
        await tools.judged()
        raw.forget()

        found = await tools.call("odd_echo", HI)

    assert (found.ending, raw.acts) == (Ending.DONE, 1)


async def test_a_session_that_ends_in_other_words_is_left_before_the_next_call() -> None:
    farewell = response(
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"No valid session ID"}}',
        status="400 Bad Request",
    )
    async with (
        running(Sessions(farewell)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        assert isinstance(raw, Sessions)
        await tools.judged()
        raw.forget()

        # Nothing promises that such an answer comes before the act.
        first = await tools.call("odd_echo", HI)
        second = await tools.call("odd_echo", HI)

    assert (first.state, second.ending, raw.acts) == (State.OUTCOME_UNKNOWN, Ending.DONE, 1)


async def test_what_a_session_that_is_gone_still_carries_may_end() -> None:
    async with (
        running(Slow(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        assert isinstance(raw, Slow)
        await tools.judged()
        raw.holds = True
        slow = asyncio.create_task(tools.call("odd_echo", HI))
        await until(lambda: raw.held == 1)
        raw.holds = False
        raw.forget()

        beside = await tools.call("odd_echo", HI)
        raw.go_on.set()
        ended = await slow

    assert (beside.ending, ended.ending) == (Ending.DONE, Ending.DONE)


class Slow(Sessions):
    """One that holds back what it has done until it may go on."""

    def __init__(self, farewell: bytes) -> None:
        """Hold nothing back at first."""
        super().__init__(farewell)
        self.holds, self.held = False, 0
        self.go_on = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection, when it may."""
        held = _Held(writer) if self.holds else writer
        await super().serve(reader, held)
        if isinstance(held, _Held):
            self.held += 1
            await self.go_on.wait()
            writer.write(held.said)
            await writer.drain()
            writer.close()


class _Held:
    """What is written is kept."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.said = b""
        self._writer = writer

    def write(self, data: bytes) -> None:
        self.said += data

    async def drain(self) -> None:
        return None

    def close(self) -> None:
        return None


async def test_a_call_that_never_left_because_the_server_is_away_is_told_as_not_sent() -> None:
    async with running(RawHttp()) as raw:
        stack = approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25"))
        tools = await stack.__aenter__()
        before = await tools.call("odd_echo", HI)
    after = await tools.call("odd_echo", HI)
    await stack.__aexit__(None, None, None)

    assert before.ending is Ending.DONE
    assert (after.ending, after.state) == (Ending.AWAY, State.DEPENDENCY_UNAVAILABLE)


async def test_a_started_server_that_died_between_two_calls_is_started_again_for_the_second(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-S", str(CRUDE), "leaves"]
    async with approved(declared("echo", ACTS, command=command)) as tools:
        found: list[Answer] = []
        for _ in range(2):
            found.append(await tools.call("odd_echo", HI))
            await until(lambda: not alive(tools))

    assert [one.ending for one in found] == [Ending.DONE, Ending.DONE]


def alive(tools: ServerTools) -> bool:
    """Whether the connection may be used."""
    return tools._connection is not None and tools._connection.alive


async def test_an_error_of_a_started_server_with_the_sdks_own_code_ends_no_other_call() -> None:
    command = [sys.executable, "-S", str(CRUDE), "refuses"]
    async with approved(declared("echo", LOOKS, command=command)) as tools:
        found = await tools.call("odd_echo", HI)

        assert (found.ending, found.state) == (Ending.SERVER_FAILED, State.DEPENDENCY_UNAVAILABLE)
        assert "the database is away" in found.detail
        assert alive(tools)
