"""The tools of one MCP server as a test declares it, everything approved that it offers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import ServerTools

HERE = Path(__file__).parent
PATIENT_S = 30.0


def declared(tool: str, effect: str, **table: Any) -> McpServer:
    """Read a table of handrail.toml for the server `odd`, with the effect of its tool."""
    usual = {"listed_s": 3_600, "start_s": PATIENT_S, "timeout_s": PATIENT_S}
    effects = {"effects": {tool: effect}}
    return read_servers({"odd": {**usual, **effects, **table}})["odd"]


@asynccontextmanager
async def approved(server: McpServer) -> AsyncIterator[ServerTools]:
    """The tools of a server, everything pinned that it offers."""
    first = ServerTools(server, HERE, {})
    judged = await first.judged()
    await first.close()
    pins = {one.offered.name: Pin(one.offered, "ada", "") for one in judged if one.offered}
    one = ServerTools(server, HERE, {"odd": pins})
    try:
        yield one
    finally:
        await one.close()
