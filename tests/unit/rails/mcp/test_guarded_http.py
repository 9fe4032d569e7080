"""A redirect is never followed by the client itself, not even to where it may connect to."""

import asyncio
import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from handrail.rails.egress import Egress
from handrail.rails.mcp.answer import Ending
from handrail.rails.mcp.guarded_http import guarded_client
from handrail.rails.mcp.server import read_servers
from handrail.rails.mcp.tools import McpTools
from tests.mcp_servers import wayward as own
from tests.mcp_servers.rawhttp import RawHttp, response, running
from tests.mcp_servers.wayward import Wayward


@pytest.fixture
def target() -> Iterator[Wayward]:
    """Where a redirect leads to."""
    with own.running(Wayward()) as running:
        yield running


@pytest.fixture
def moved(target: Wayward) -> Iterator[Wayward]:
    """A server that sends whoever asks for /moved to the other one."""
    with own.running(Wayward(moved_to=target.url)) as running:
        yield running


def allowed(*servers: Wayward) -> list[str]:
    """An allow-list of these servers."""
    return [one.url.removeprefix("http://").removesuffix("/mcp") for one in servers]


async def test_a_redirect_within_the_allow_list_is_given_back_and_not_followed(
    moved: Wayward, target: Wayward
) -> None:
    egress = Egress.of(allowed(moved, target))
    secret = {"Authorization": "Bearer s3cret"}
    async with guarded_client(egress, secret, read_s=20, bytes_max=10_000) as client:
        came = await client.get(moved.url.replace("/mcp", "/moved"))

    assert (came.status_code, came.headers["location"]) == (307, target.url)
    assert target.requests_count == 0


async def test_a_server_that_redirects_to_another_listed_one_is_away(
    moved: Wayward, target: Wayward, tmp_path: Path
) -> None:
    url = moved.url.replace("/mcp", "/moved")
    table = {"url": url, "egress": allowed(moved, target), "listed_s": 0}
    servers = read_servers({"sky": table})
    async with McpTools(servers, tmp_path, {}) as tools:
        answer = await tools.call("sky_get_weather", b'{"city": "Paris"}')

    assert answer.ending is Ending.AWAY
    assert moved.requests_count > 0
    assert target.requests_count == 0


async def test_what_is_compressed_unasked_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    packed = response(bomb, "application/json\r\ncontent-encoding: gzip")
    async with running(RawHttp(says={"tools/call": lambda _: packed})) as raw:
        egress = Egress.of([raw.url.removeprefix("http://").removesuffix("/mcp")])
        async with guarded_client(egress, {}, read_s=20, bytes_max=1_000_000) as client:
            came = await client.post(raw.url, json={"id": 1, "method": "tools/call"})

    assert came.content == bomb


async def test_a_stream_that_ends_at_once_is_asked_for_again_after_a_pause() -> None:
    asked_s: list[float] = []

    class Hasty(RawHttp):
        def answer(self, head: str, body: bytes) -> bytes:
            asked_s.append(asyncio.get_running_loop().time())
            return response(b"retry: 0\n\n", "text/event-stream")

    async with running(Hasty()) as raw:
        egress = Egress.of([raw.url.removeprefix("http://").removesuffix("/mcp")])
        async with guarded_client(egress, {}, read_s=20, bytes_max=10_000) as client:
            for _ in range(3):
                await client.get(raw.url)

    assert [later - sooner > 0.9 for sooner, later in pairwise(asked_s)] == [True, True]
