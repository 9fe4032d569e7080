"""What is certain not to have been carried out is sent once more, and nothing else is."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from handrail.contract.failure import State
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.tools import ServerTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.forgetful import Sessions, Slow
from tests.mcp_servers.pinned import approved, declared
from tests.mcp_servers.rawhttp import RawHttp, counted, response, running, status
from tests.mcp_servers.wayward import Wayward
from tests.waiting import until

CRUDE = Path(own.__file__).with_name("crude.py")
HI, PARIS = b'{"text": "hi"}', b'{"city": "Paris"}'
ACTS, LOOKS = "unsafe", "read"


async def test_a_server_of_the_sdk_that_was_started_anew_is_called_over_a_new_session() -> None:
    wayward = Wayward()
    async with AsyncExitStack() as stack:
        with own.running(wayward):
            port = int(wayward.url.split(":")[2].partition("/")[0])
            server = declared("getWeather", ACTS, url=wayward.url, spec="2025-11-25")
            tools = await stack.enter_async_context(approved(server))
            before = await tools.call("odd_get_weather", PARIS)
        with own.running(wayward, port):
            after = await tools.call("odd_get_weather", PARIS)

    assert (before.ending, after.ending) == (Ending.DONE, Ending.DONE)
    assert wayward.calls == [{"city": "Paris"}] * 2


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
        calls = counted(raw, lambda _: GONE)

        found = await tools.call("odd_echo", HI)

    assert (found.ending, found.state) == (Ending.SESSION_GONE, State.DEPENDENCY_UNAVAILABLE)
    assert calls == [2]


async def test_a_list_that_is_asked_in_a_session_that_is_gone_is_asked_in_a_new_one() -> None:
    async with (
        running(Sessions(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25", listed_s=0)) as tools,
    ):
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
        await tools.judged()
        slow = asyncio.create_task(tools.call("odd_echo", HI))
        await raw.holds_one_call()
        raw.forget()

        beside = await tools.call("odd_echo", HI)
        raw.go_on.set()
        ended = await slow

    assert (beside.ending, ended.ending) == (Ending.DONE, Ending.DONE)


async def test_what_a_server_carries_may_end_although_it_no_longer_lists_its_tools() -> None:
    async with (
        running(Slow(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25", listed_s=0)) as tools,
    ):
        await tools.judged()
        slow = asyncio.create_task(tools.call("odd_echo", HI))
        await raw.holds_one_call()
        raw.says["tools/list"] = status("500 Internal Server Error")

        beside = await tools.call("odd_echo", HI)
        raw.go_on.set()
        ended = await slow

    assert (beside.ending, ended.ending) == (Ending.AWAY, Ending.DONE)


async def test_a_stream_that_breaks_and_is_not_found_again_is_no_session_that_is_gone() -> None:
    broken = response(b"id: 1\nretry: 1\ndata: \n\n", "text/event-stream")
    async with (
        running(Sessions(GONE)) as raw,
        approved(declared("echo", ACTS, url=raw.url, spec="2025-11-25")) as tools,
    ):
        raw.gets = GONE
        calls = counted(raw, lambda _: broken)

        found = await tools.call("odd_echo", HI)

    assert (found.ending, found.state) == (Ending.DIED, State.OUTCOME_UNKNOWN)
    assert calls == [1]


async def test_a_call_that_never_left_because_the_server_is_away_is_told_as_not_sent() -> None:
    async with AsyncExitStack() as stack:
        async with running(RawHttp()) as raw:
            server = declared("echo", ACTS, url=raw.url, spec="2025-11-25")
            tools = await stack.enter_async_context(approved(server))
            before = await tools.call("odd_echo", HI)
        after = await tools.call("odd_echo", HI)

    assert before.ending is Ending.DONE
    assert (after.ending, after.state) == (Ending.AWAY, State.DEPENDENCY_UNAVAILABLE)


async def test_a_started_server_that_died_between_two_calls_is_started_again_for_the_second() -> (
    None
):
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
