"""An MCP server over HTTP that answers a call with whatever bytes a test gives it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from tests.mcp_servers.garbler import HELLO, TOOL, good

#: Gives all that is sent in answer to a request, head and body, given its id.
Sends = Callable[[int], bytes]


def response(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    """Give a response with its head."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answered(number: int, result: object) -> bytes:
    """Give the response that answers a request as the protocol wants it."""
    return response(orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result}))


def status(line: str, head: str = "", kind: str = "text/html") -> Sends:
    """Answer with a status and a page."""
    return lambda _: response(b"<html>", f"{kind}\r\n{head}" if head else kind, line)


@dataclass
class RawHttp:
    """What it sends for each method, and then hangs up; a test changes it at will."""

    says: dict[str, Sends] = field(default_factory=dict[str, Sends])
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = next(
                (
                    int(line.partition(":")[2])
                    for line in head.lower().split("\r\n")
                    if line.startswith("content-length:")
                ),
                0,
            )
            body = await reader.readexactly(size)
            writer.write(await self.said(head, body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def said(self, head: str, body: bytes) -> bytes:
        """Give what is sent, once it is to be sent."""
        return self.answer(head, body)

    def answer(self, head: str, body: bytes) -> bytes:
        """Give what is sent."""
        if not head.startswith("POST"):
            return response(b"", status="405 Method Not Allowed")
        asked: dict[str, Any] = orjson.loads(body)
        method, number = asked.get("method", ""), asked.get("id")
        if number is None:
            return response(b"", status="202 Accepted")
        if method in self.says:
            return self.says[method](number)
        match method:
            case "initialize":
                return answered(number, HELLO)
            case "tools/list":
                return answered(number, {"tools": [TOOL]})
            case "tools/call":
                return answered(number, good(asked["params"]["arguments"].get("text", "")))
            case _:
                return answered(number, {})


R = TypeVar("R", bound=RawHttp)


@asynccontextmanager
async def running(raw: R) -> AsyncGenerator[R]:
    """Serve it meanwhile, on a free port of this machine."""
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        raw.url = f"http://127.0.0.1:{port}/mcp"
        yield raw


def counted(raw: RawHttp, sent: Sends) -> list[int]:
    """Answer calls so from now on; counts them."""
    calls = [0]

    def once(number: int) -> bytes:
        calls[0] += 1
        return sent(number)

    raw.says["tools/call"] = once
    return calls
