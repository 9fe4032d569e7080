"""An MCP server over HTTP with sessions that it may forget, and answers that it may hold back."""

import asyncio

import orjson

from tests.mcp_servers.garbler import HELLO
from tests.mcp_servers.rawhttp import RawHttp, response
from tests.waiting import until


class Sessions(RawHttp):
    """A server with sessions that it may forget; calls of a forgotten one get its `farewell`."""

    def __init__(self, farewell: bytes) -> None:
        """Begin with the first session."""
        super().__init__()
        self.farewell = farewell
        self.now = 0
        self.begun: list[int] = []
        self.acts = 0
        self.gets = response(b"", status="405 Method Not Allowed")
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
        if not head.startswith("POST"):
            return self.gets
        method = orjson.loads(body).get("method")
        if method != "initialize" and f"mcp-session-id: s{self.now}\r" not in head.lower():
            return self.farewell
        self.acts += method == "tools/call"
        return super().answer(head, body)


class Slow(Sessions):
    """One that can hold back what it says to a call."""

    def __init__(self, farewell: bytes) -> None:
        """Hold nothing back at first."""
        super().__init__(farewell)
        self.held = False
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def holds_one_call(self) -> None:
        """Wait until it holds back the answer to a call, and to no later one."""
        self.go_on.clear()
        await until(lambda: self.held)

    async def said(self, head: str, body: bytes) -> bytes:
        """Give what is sent, when it may be."""
        said = await super().said(head, body)
        if b'"tools/call"' in body and not self.held and not self.go_on.is_set():
            self.held = True
            await self.go_on.wait()
        return said
