"""A redirect is never followed by the client itself, not even to where it may connect to."""

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from handrail.rails.egress import Egress, Resolve
from handrail.rails.mcp.answer import Ending
from handrail.rails.mcp.guarded_http import Guarded, guarded_client
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


class Leading(Egress):
    """Leads every name to these addresses, as a name of two networks does."""

    async def addresses(self, host: str, port: int, resolve: Resolve | None = None) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]


async def test_a_server_whose_first_address_is_dead_is_reached_by_its_next_one(
    target: Wayward,
) -> None:
    async with guarded_client(Leading(), {}, read_s=20, bytes_max=10_000) as client:
        came = await client.get(target.url.replace("127.0.0.1", "sky.example") + "/nothing")

    assert came.status_code == 404


@dataclass
class Silent(httpcore2.AsyncNetworkBackend):
    """A network in which only the last address answers; it notes how long each may take."""

    answers: str = "127.0.0.1"
    tried: list[tuple[str, float | None]] = field(default_factory=list)

    async def connect_tcp(self, host: str, port: int, timeout: Any = None, *more: Any) -> Any:  # noqa: ASYNC109  httpcore's
        self.tried.append((host, timeout))
        if host != self.answers:
            raise httpcore2.ConnectTimeout(host)
        return host


async def test_an_address_that_never_answers_leaves_time_for_the_next_one() -> None:
    network = Silent()

    reached = await Guarded(Leading(), network).connect_tcp("sky.example", 443, 10.0)

    (first, first_s), (last, last_s) = network.tried
    assert (first, last, reached) == ("127.0.0.2", "127.0.0.1", "127.0.0.1")
    assert first_s == pytest.approx(5.0, abs=1.0)
    assert last_s == pytest.approx(10.0, abs=1.0)


async def test_a_server_that_no_address_reaches_is_told_by_the_last_of_them() -> None:
    network = Silent(answers="nobody")

    with pytest.raises(httpcore2.ConnectTimeout, match=r"127\.0\.0\.1"):
        await Guarded(Leading(), network).connect_tcp("sky.example", 443, None)

    assert network.tried == [("127.0.0.2", None), ("127.0.0.1", None)]


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
