"""An MCP server of the official SDK over streamable HTTP that can be told to misbehave."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server

from tests.waiting import until_now

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {"degrees": {"type": "number"}},
    "required": ["degrees"],
}


def weather() -> types.Tool:
    """The tool as it is when nobody has told the server anything."""
    return types.Tool(
        name="getWeather",
        description="Say how warm it is in a city.",
        input_schema=SCHEMA,
        output_schema=OUTPUT,
        annotations=types.ToolAnnotations(read_only_hint=True),
    )


def warm(degrees: float = 21.5) -> types.CallToolResult:
    """An answer as promised."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=f"{degrees} degrees")],
        structured_content={"degrees": degrees},
    )


@dataclass
class Wayward:
    """What the server offers and answers; a test changes it at will."""

    url: str = ""
    tools: list[types.Tool] = field(default_factory=lambda: [weather()])
    answer: types.CallToolResult | Exception = field(default_factory=warm)
    fails_first: int = 0  #: calls that end in a defect before it answers
    hangs: bool = False
    hangs_in_lists: bool = False
    endless: bool = False
    moved_to: str = "http://169.254.169.254/latest/meta-data/"  #: whoever asks for /moved
    requests_count: int = 0  #: of HTTP
    page_s: float = 0.0  #: what each page of a list takes
    calls: list[dict[str, Any] | None] = field(default_factory=list)

    def server(self) -> Server[Any]:
        """The server of the SDK that does as it is told."""

        async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
            if self.hangs_in_lists:
                await asyncio.Event().wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), self.page_s)
            cursor = "more" if self.endless else None
            return types.ListToolsResult(tools=self.tools, next_cursor=cursor)

        async def call_tool(context: Any, params: Any) -> types.CallToolResult:
            self.calls.append(params.arguments)
            if self.hangs:
                await asyncio.Event().wait()
            if len(self.calls) <= self.fails_first:
                raise ValueError("a defect")
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return Server("wayward", on_list_tools=list_tools, on_call_tool=call_tool)


@contextlib.contextmanager
def running(wayward: Wayward, port: int = 0) -> Iterator[Wayward]:
    """Serve it in a thread of its own meanwhile, on this port of this machine or a free one."""
    config = uvicorn.Config(
        _app(wayward),
        host="127.0.0.1",
        port=port,
        log_config=None,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="wayward")
    thread.start()
    try:
        until_now(lambda: server.started, what="the server listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        wayward.url = f"http://127.0.0.1:{port}/mcp"
        yield wayward
    finally:
        server.should_exit = True
        thread.join()


def _app(wayward: Wayward) -> Any:
    app = wayward.server().streamable_http_app(host="127.0.0.1")

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        """Send whoever asks for /moved to another place."""
        wayward.requests_count += scope["type"] == "http"
        if scope["type"] == "http" and scope["path"].startswith("/moved"):
            location = wayward.moved_to.encode()
            await send(
                {
                    "type": "http.response.start",
                    "status": 307,
                    "headers": [(b"location", location), (b"content-length", b"0")],
                }
            )
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return elsewhere
