"""The one door of a confined body that may reach somebody: an HTTP proxy that asks the allow-list.

It serves a socket that listens inside the body's network namespace, where nothing else is; so
whoever wants out has to name a host and a port here. It passes on bytes and reads none of them
beyond the first request.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import structlog

from handrail.errors.egress import EgressRefused
from handrail.rails.egress import Egress

HEAD_BYTES_MAX = 32 * 1024
HEAD_S_MAX = 10.0
CONNECT_S_MAX = 10.0
CHUNK_BYTES = 1 << 16

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def serving(door: socket.socket, egress: Egress) -> AsyncGenerator[dict[str, str]]:
    """Serve the door meanwhile; gives the variables by which clients find it."""
    port = door.getsockname()[1]
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await _serve(reader, writer, egress)
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, sock=door, limit=HEAD_BYTES_MAX)
    url = f"http://127.0.0.1:{port}"
    try:
        yield dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), url)
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, egress: Egress
) -> None:
    try:
        async with asyncio.timeout(HEAD_S_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
        method, host, port, onward = _asked(head)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
        return
    except ValueError:
        await _say(writer, "400 Bad Request", "This proxy could not read the request.")
        return
    try:
        addresses = await egress.addresses(host, port)
        far = await _connected(addresses, port)
    except EgressRefused as error:
        log.warning("egress refused", host=host, port=port, reason=error.why)
        await _say(writer, "403 Forbidden", f"{error.what} {error.why}")
        return
    except (OSError, TimeoutError) as error:
        await _say(writer, "502 Bad Gateway", f"{host}:{port} cannot be reached: {error}")
        return
    far_reader, far_writer = far
    try:
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far_writer.write(onward)
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
    finally:
        far_writer.close()


async def _connected(
    addresses: list[str], port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that answers, all in time. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + CONNECT_S_MAX
    for n in range(len(addresses) - 1):
        # One that never answers must not take the time of the others.
        share_s = (until_s - loop.time()) / (len(addresses) - n)
        with contextlib.suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(share_s):
                return await asyncio.open_connection(addresses[n], port)
    async with asyncio.timeout_at(until_s):
        return await asyncio.open_connection(addresses[-1], port)


def _asked(head: bytes) -> tuple[str, str, int, bytes]:
    """Read who is asked for: method, host, port, and the request as that host wants it.

    Raises ValueError.
    """
    first, _, rest = head.partition(b"\r\n")
    method, target, version = first.decode("ascii").split(" ")
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return method, host, int(port), b""
    url = urlsplit(target)
    if url.scheme != "http" or not url.hostname:
        raise ValueError(target)
    path = url.path or "/"
    query = f"?{url.query}" if url.query else ""
    onward = f"{method} {path}{query} {version}\r\n".encode("ascii") + rest
    return method, url.hostname, url.port or 80, onward


async def _say(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    with contextlib.suppress(OSError):
        await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
