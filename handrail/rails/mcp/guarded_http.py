"""HTTP to MCP servers that goes only where the operator has said, and takes only so much.

Every connection is made to an address that the guard has looked at, whatever a name answers later;
a redirect to another origin is not followed; no proxy of the environment is used. What becomes of a
request is noted for the call that it belongs to.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import httpcore2
import httpx2

from handrail.contract.retry_after import wait_asked_s
from handrail.rails.egress import Egress
from handrail.rails.mcp.ending import Body, HttpAnswer
from handrail.rails.mcp.exchange import current

CONNECT_S, WRITE_S = 10.0, 30.0
#: Between two streams of events, as the SDK leaves where a server asks for nothing else; and how
#: long one waits at most, of many that are asked for at once.
GET_S, GET_S_MAX = 1.0, 3.0
EVENTS, JSON = "text/event-stream", "application/json"
SESSION = "mcp-session-id"


class ResponseTooLarge(httpx2.TransportError):
    """A server sent more than it may."""


class Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to the first address that answers of those that the guard gives."""

    def __init__(self, egress: Egress, onward: httpcore2.AsyncNetworkBackend | None = None) -> None:
        """Ask this guard; `onward` is the network behind it."""
        self._egress = egress
        # httpcore2 2.16 exports a class whose types it hides from checkers.
        own = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())
        self._onward = onward or own

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect. Raises EgressRefused, OSError, and what the last address has raised."""
        addresses = await self._egress.addresses(host, port)
        until_s = None if timeout is None else time.monotonic() + timeout
        for n in range(len(addresses)):
            # One that never answers must not take the time of the others.
            left = len(addresses) - n
            share = None if until_s is None else max(0.0, until_s - time.monotonic()) / left
            try:
                return await self._onward.connect_tcp(
                    addresses[n], port, share, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
        raise httpcore2.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  the signature is httpcore's
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse: nobody has said that a local socket may be reached."""
        raise httpcore2.ConnectError(f"{path}: no server is reached over a local socket")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._onward.sleep(seconds)


class _Counted(httpx2.AsyncByteStream):
    """A body that ends in an error where it is longer than it may be."""

    def __init__(self, inner: httpx2.AsyncByteStream, bytes_max: int) -> None:
        self._inner = inner
        self._left = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise ResponseTooLarge("the response is longer than it may be")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """The usual transport, over guarded connections and with a bound on what comes back."""

    def __init__(self, egress: Egress, bytes_max: int) -> None:
        super().__init__(trust_env=False, retries=0)
        # httpx2 2.16 takes no network backend itself; the pool that it would make does.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            network_backend=Guarded(egress),
            max_connections=16,
        )
        self._bytes_max = bytes_max
        self._next_get_s = 0.0  # of the event loop's clock

    async def _paced(self) -> None:
        """Let time pass between two streams that are asked for.

        A server may end its stream at once and ask to be asked again without a pause, as mcp 2.3
        then does for ever.
        """
        loop = asyncio.get_running_loop()
        wait_s = min(max(0.0, self._next_get_s - loop.time()), GET_S_MAX)
        self._next_get_s = loop.time() + wait_s + GET_S
        if wait_s:
            await asyncio.sleep(wait_s)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; a body that is no stream of events is counted."""
        if request.method == "GET":
            await self._paced()
        # A compressed body may be small on the wire and huge in memory.
        request.headers["Accept-Encoding"] = "identity"
        exchange = current()
        if exchange is not None:
            exchange.begin()
            request.extensions["trace"] = exchange.trace
        response = await super().handle_async_request(request)
        if exchange is not None:
            exchange.answered(_answer_of(request, response))
        # Words of the server's own, which httpx2 2.16 would write into the log.
        response.extensions.pop("reason_phrase", None)
        # Whoever compresses all the same is not unpacked, and so says nothing.
        response.headers.pop("content-encoding", None)
        # A stream of events lives as long as the session; the SDK bounds each event of it.
        if not response.headers.get("content-type", "").startswith(EVENTS):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Counted(response.stream, self._bytes_max)
        return response


def _answer_of(request: httpx2.Request, response: httpx2.Response) -> HttpAnswer:
    kind = response.headers.get("content-type", "").lower()
    body = Body.EVENTS if kind.startswith(EVENTS) else Body.OTHER
    return HttpAnswer(
        response.status_code,
        Body.JSON if kind.startswith(JSON) else body,
        in_session=SESSION in request.headers,
        retry_after_s=wait_asked_s(response.headers.get),
    )


@asynccontextmanager
async def guarded_client(
    egress: Egress, headers: Mapping[str, str], *, read_s: float, bytes_max: int
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give a client that connects only where it may."""
    timeout = httpx2.Timeout(CONNECT_S, read=read_s, write=WRITE_S)
    async with httpx2.AsyncClient(
        transport=_Transport(egress, bytes_max),
        headers=dict(headers),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield client
