"""How a call ends, by what a real server answers and by what its tool does."""

from collections.abc import Iterator
from typing import Any

import mcp_types as types
import orjson
import pytest
from mcp import MCPError
from pydantic import TypeAdapter

from handrail.contract.failure import State
from handrail.rails.mcp.ending import Ending
from tests.mcp_servers import wayward as own
from tests.mcp_servers.pinned import approved, declared
from tests.mcp_servers.rawhttp import (
    RawHttp,
    Sends,
    answered,
    counted,
    response,
    running,
    status,
)
from tests.mcp_servers.wayward import Wayward

HI, PARIS = b'{"text": "hi"}', b'{"city": "Paris"}'
ACTS, LOOKS = "unsafe", "read"


def error(code: int, status: str = "200 OK") -> Sends:
    """Answer with an error of the protocol."""

    def sent(number: int) -> bytes:
        body = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": "no"}}
        return response(orjson.dumps(body), status=status)

    return sent


FAILED = {"isError": True, "content": [{"type": "text", "text": "it failed after the charge"}]}

#: What it sends, its ending, the state of what only looks and of what acts.
HTTP_ENDINGS: list[tuple[Sends, Ending, str, str]] = [
    (status("401 Unauthorized"), Ending.LOCKED_OUT, "unauthenticated", "unauthenticated"),
    (status("403 Forbidden"), Ending.FORBIDDEN, "unauthenticated", "outcome_unknown"),
    (status("429 Too Many Requests"), Ending.THROTTLED, "rate_limited", "outcome_unknown"),
    (
        status("404 Not Found"),
        Ending.STATUS_FAILED,
        "dependency_unavailable",
        "outcome_unknown",
    ),
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
]


@pytest.mark.parametrize(("sent", "ending", "looks", "acts"), HTTP_ENDINGS)
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
