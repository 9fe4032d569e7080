"""Everything that can go wrong with Claude ends in an error with a name, and in no half answer."""

import asyncio
import socket
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from handrail.errors import (
    HandrailError,
    ModelContextFull,
    ModelFailed,
    ModelKeyRefused,
    ModelOverloaded,
    ModelRequestRefused,
    ModelStreamCut,
    ModelTimedOut,
    ModelUnreachable,
)
from handrail.lane.failure_class import is_unbilled
from handrail.models.claude import ClaudeModel, ClaudeSettings
from handrail.models.loop import converse, model_call
from handrail.models.port import JsonObject, ModelRequest
from tests.messages_api import (
    KEY,
    Cut,
    ErrorInStream,
    Garbled,
    Held,
    MessagesApi,
    Reply,
    Status,
    calls,
    events,
    says,
    serving,
)

HELLO = ModelRequest(prompt="Hello")
SOON = (("retry-after-ms", "1"),)
OVERLOADED = Status(529, "overloaded_error", headers=SOON)
LIMITED = Status(429, "rate_limit_error", headers=SOON)
BROKEN = Status(500, "api_error", headers=SOON)
ANSWER = says("Hello, and a good day to you.")


async def failure(
    api: MessagesApi,
    request: ModelRequest = HELLO,
    now_ms: Callable[[], int] | None = None,
    **settings: Any,
) -> HandrailError:
    """Ask once and give the error that comes of it."""
    options = {"api_key": KEY, "base_url": api.url, "retries_max": 2, **settings}
    model = ClaudeModel(ClaudeSettings(**options), now_ms)
    try:
        with pytest.raises(HandrailError) as raised:
            await model.respond(request)
    finally:
        await model.close()
    return raised.value


@pytest.mark.parametrize("hiccup", [LIMITED, OVERLOADED, BROKEN])
async def test_what_passes_within_the_retries_is_not_noticed(hiccup: Reply) -> None:
    async with serving() as api:
        api.script(hiccup, hiccup, ANSWER)
        model = ClaudeModel(ClaudeSettings(api_key=KEY, base_url=api.url, retries_max=2))

        reply = await model.respond(HELLO)
        await model.close()

        assert reply.text == "Hello, and a good day to you."
        assert len(api.requests) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "attempts", "failure_class"),
    [
        (LIMITED, ModelOverloaded, 3, "throttled"),
        (OVERLOADED, ModelOverloaded, 3, "throttled"),
        (BROKEN, ModelFailed, 3, "transient"),
        (Status(503, "api_error", headers=SOON), ModelFailed, 3, "transient"),
        (Status(401, "authentication_error"), ModelKeyRefused, 1, "fatal"),
        (Status(402, "billing_error"), ModelKeyRefused, 1, "fatal"),
        (Status(403, "permission_error"), ModelKeyRefused, 1, "fatal"),
        (Status(400, "invalid_request_error"), ModelRequestRefused, 1, "fatal"),
        (Status(404, "not_found_error"), ModelRequestRefused, 1, "fatal"),
        (Status(413, "request_too_large"), ModelRequestRefused, 1, "fatal"),
    ],
)
async def test_a_status_that_stays_has_its_error(
    reply: Reply, kind: type[HandrailError], attempts: int, failure_class: str
) -> None:
    async with serving() as api:
        api.script(*[reply] * 5)

        error = await failure(api)

        assert type(error) is kind
        assert (error.attempts, len(api.requests)) == (attempts, attempts)
        assert error.failure_class == failure_class
        assert "scripted" in error.why
        assert "(unknown)" not in str(error)


@pytest.mark.parametrize(
    "reply",
    [
        Status(400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        Status(
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
        ),
        says("Half an ans", stop="model_context_window_exceeded"),
    ],
)
async def test_what_does_not_fit_into_the_window_is_told_with_its_cure_and_asked_once(
    reply: Reply,
) -> None:
    async with serving() as api:
        api.script(reply, ANSWER)

        with pytest.raises(ModelContextFull) as raised:
            await converse_with(api)

        assert raised.value.failure_class == "fatal"
        assert "budget_tokens" in str(raised.value)
        assert len(api.requests) == 1
        assert is_unbilled(raised.value) is isinstance(reply, Status)


async def converse_with(api: MessagesApi) -> str:
    model = ClaudeModel(ClaudeSettings(api_key=KEY, base_url=api.url, retries_max=2))
    try:
        return await converse(model_call("Hello", returns=str), model.respond, no_tool)
    finally:
        await model.close()


async def no_tool(name: str, arguments: JsonObject) -> str:
    raise AssertionError(f"{name} was called with {arguments}")


async def test_a_pause_longer_than_the_call_may_take_is_not_slept_through() -> None:
    async with serving() as api:
        api.script(Status(429, "rate_limit_error", headers=(("retry-after", "3600"),)))

        error = await asyncio.wait_for(failure(api), timeout=60)

        assert type(error) is ModelOverloaded
        assert error.retry_after_s == 3600
        assert "asks to wait 3600 s" in error.why


@pytest.mark.parametrize("date", ["Sun, 06 Nov 1994 09:49:37 GMT", "Sun Nov  6 09:49:37 1994"])
async def test_a_pause_until_a_date_counts_by_the_clock_that_is_given(date: str) -> None:
    async with serving() as api:
        api.script(Status(429, "rate_limit_error", headers=(("retry-after", date),)))

        error = await asyncio.wait_for(failure(api, now_ms=lambda: 784_111_777_000), timeout=60)

        assert type(error) is ModelOverloaded
        assert error.retry_after_s == 3600
        assert "asks to wait 3600 s" in error.why


async def test_a_pause_until_a_date_that_is_past_holds_nobody_up() -> None:
    past = (("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT"), *SOON)
    async with serving() as api:
        api.script(*[Status(429, "rate_limit_error", headers=past)] * 5)

        error = await failure(api, now_ms=lambda: 784_999_999_000)

        assert (type(error), error.retry_after_s, error.attempts) == (ModelOverloaded, 0.0, 3)


async def test_a_deadline_between_attempts_names_what_was_waited_for() -> None:
    async with serving() as api:
        # It waits as long as the SDK lets a server ask for, so only the deadline ends it.
        api.script(Status(529, "overloaded_error", headers=(("retry-after-ms", "60000"),)))

        error = await failure(api, ModelRequest(prompt="Hello", timeout_s=5.0))

        assert type(error) is ModelOverloaded
        assert error.status == 529


CALL = calls(("refund", {"order": "42", "amount": 150}))


@pytest.mark.parametrize("torn", [True, False])
@pytest.mark.parametrize("count", range(len(events(CALL, "m", {}))))
async def test_a_stream_that_ends_early_gives_an_error_wherever_it_ends(
    count: int, *, torn: bool
) -> None:
    async with serving() as api:
        api.script(Cut(CALL, count, torn=torn))

        error = await failure(api)

        assert type(error) is ModelStreamCut


async def test_an_event_that_is_no_json_is_a_broken_stream() -> None:
    async with serving() as api:
        api.script(Garbled())

        error = await failure(api)

        assert type(error) is ModelStreamCut


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", ModelOverloaded),
        ("rate_limit_error", ModelOverloaded),
        ("api_error", ModelFailed),
        ("invalid_request_error", ModelRequestRefused),
        ("an_error_of_next_year", ModelFailed),
    ],
)
async def test_an_error_within_a_stream_has_the_name_of_its_kind(
    kind: str, expected: type[HandrailError]
) -> None:
    async with serving() as api:
        api.script(ErrorInStream(ANSWER, events=5, kind=kind))

        error = await failure(api)

        assert type(error) is expected


async def test_a_silent_stream_is_given_up() -> None:
    async with serving() as api:
        # Where even the beginning takes longer, the SDK asks again.
        api.script(*[Held(ANSWER, events=3)] * 3)

        error = await failure(api, silence_timeout_s=0.1)

        assert type(error) is ModelTimedOut
        assert "nothing was heard" in error.why


async def test_an_answer_that_does_not_end_in_time_is_given_up() -> None:
    async with serving() as api:
        api.script(Held(ANSWER, events=3))

        error = await failure(api, ModelRequest(prompt="Hello", timeout_s=0.2))

        assert type(error) is ModelTimedOut
        assert "had not come to its end" in error.why


async def test_an_address_where_nothing_listens_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        api = MessagesApi(url=f"http://127.0.0.1:{taken.getsockname()[1]}")

        error = await failure(api, retries_max=0)

    assert type(error) is ModelUnreachable
    assert error.address == api.url
    assert is_unbilled(error)


async def test_a_connection_that_is_lost_once_the_request_was_sent_may_be_billed() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(MessagesApi(url=f"http://127.0.0.1:{port}"), retries_max=0)

    assert type(error) is ModelStreamCut
    assert not is_unbilled(error)


async def test_a_cancelled_call_lets_its_connection_go() -> None:
    async with serving() as api:
        api.script(Held(ANSWER, events=3), ANSWER)
        model = ClaudeModel(ClaudeSettings(api_key=KEY, base_url=api.url))
        running = asyncio.create_task(model.respond(HELLO))
        await api.held.wait()

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        reply = await model.respond(HELLO)
        await model.close()

        assert reply.text == "Hello, and a good day to you."


async def test_the_sdk_is_not_loaded_before_the_first_call() -> None:
    program = textwrap.dedent(
        """
        import sys
        from handrail.models.choose import model_from_environment
        model = model_from_environment({"ANTHROPIC_API_KEY": "a key"})
        assert model.name.startswith("claude-"), model.name
        heavy = {"anthropic", "httpx2"} & set(sys.modules)
        assert not heavy, heavy
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()

    assert process.returncode == 0, stderr.decode()
