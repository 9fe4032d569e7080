"""The tools of every MCP server of a project: which may be used, and calling them.

Guarantee: only a tool whose definition is, to the letter, what a person has approved is called;
its arguments fit the approved schema; each call ends within its server's time in one of a closed
set of endings; and no server, however it behaves, keeps the calls of another one waiting.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import orjson

from handrail.contract.effect import Effect
from handrail.contract.json_schema import foreign_misfit
from handrail.errors.mcp import (
    McpNotInstalled,
    McpServerAway,
    McpToolsInvalid,
    McpToolUnknown,
)
from handrail.rails.mcp.answer import Answer, Ending, read_result, told
from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.lock import Pins
from handrail.rails.mcp.server import McpServer
from handrail.rails.mcp.standing import Judged, judge

if TYPE_CHECKING:
    from handrail.rails.mcp.connection import Connection

AWAY_S = 2.0  #: for which a server that failed is not asked again


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool that may be used: the text that a person has approved, and the declared effect."""

    name: str
    server: str
    definition: Definition
    effect: Effect
    timeout_s: float


class Connected(Protocol):
    """What this room needs of a connection; `connection.Connection` is one."""

    @property
    def alive(self) -> bool:
        """Whether calls may be sent."""
        ...

    async def tools(self) -> list[Definition]:
        """Ask what the server offers."""
        ...

    async def close(self) -> None:
        """Let go of the server."""
        ...


class ServerTools:
    """The tools of one server. Connects when it is first needed, and again when it was lost."""

    def __init__(
        self,
        server: McpServer,
        project: Path,
        pins: Pins,
        made: "Callable[[McpServer, Path], Connection] | None" = None,
    ) -> None:
        """Know the server and what is pinned of it; `made` makes its connections, if given."""
        self.server = server
        self._project = project
        self._pins = pins.get(server.name, {})
        self._connection: Connected | None = None
        self._judged: dict[str, Judged] = {}
        self._listed_at = float("-inf")
        self._connecting = asyncio.Lock()
        self._made = made
        self._failed: tuple[float, McpServerAway | McpToolsInvalid] | None = None
        self.protocol: str | None = None  #: the version that was agreed on

    async def judged(self) -> list[Judged]:
        """Say how each tool stands. Raises McpNotInstalled, McpServerAway, McpToolsInvalid."""
        await self._current()
        return list(self._judged.values())

    async def _current(self) -> Connected:
        """Give a connection whose list of tools is not older than `listed_s`."""
        async with self._connecting:
            if self._failed and time.monotonic() < self._failed[0]:
                # Whoever waited meanwhile is told what the first one was told.
                raise self._failed[1]
            try:
                return await self._listed()
            except (McpServerAway, McpToolsInvalid) as error:
                self._failed = (time.monotonic() + AWAY_S, error)
                await self.close()
                raise

    async def _listed(self) -> Connected:
        """Give a connection whose list is fresh; one that was lost meanwhile is made anew."""
        connection = self._connection
        if connection is not None and connection.alive:
            if time.monotonic() - self._listed_at < self.server.listed_s:
                return connection
            try:
                return await self._list(connection)
            except McpServerAway:
                if connection.alive:
                    raise  # it is there and does not answer; another connection would not help
        return await self._list(await self._connect())

    async def _list(self, connection: Connected) -> Connected:
        offered = await connection.tools()
        # Hundreds of definitions take seconds to look through; nobody else waits for it.
        found = await asyncio.to_thread(
            judge, self.server.name, offered, self._pins, self.server.only
        )
        self._judged = {one.name: one for one in found}
        self._listed_at = time.monotonic()
        return connection

    async def _connect(self) -> Connected:
        try:
            # An extra: a team without such a server does not pay for it.
            from handrail.rails.mcp.connection import Connection  # noqa: PLC0415
        except ImportError as error:
            raise McpNotInstalled(server=self.server.name) from error
        await self.close()
        connection = (self._made or Connection)(self.server, self._project)
        met = await connection.open()
        self.protocol = met.protocol
        self._connection = connection
        return connection

    async def call(self, name: str, arguments: bytes) -> Answer:
        """Call a tool by the engine's name of it; `arguments` are JSON."""
        try:
            connection = await self._current()
        except (McpServerAway, McpToolsInvalid, McpNotInstalled) as error:
            return told(Ending.AWAY, name, f"{error.what} {error.why}")
        judged = self._judged.get(name)
        if judged is None or not judged.standing.usable or judged.pin is None:
            said = "nobody has approved it" if judged is None else judged.detail
            return told(Ending.QUARANTINED, name, said)
        return await self._call(connection, name, judged.pin.definition, arguments)

    async def _call(
        self, connection: Connected, name: str, pinned: Definition, arguments: bytes
    ) -> Answer:
        from handrail.rails.mcp.connection import (  # noqa: PLC0415  it is loaded by now
            Connection,
            Gone,
            RefusedByServer,
            Silent,
            Unreadable,
        )

        assert isinstance(connection, Connection)
        try:
            given = orjson.loads(arguments)
        except orjson.JSONDecodeError as error:
            return told(Ending.ARGUMENTS_UNFIT, name, str(error))
        # Judging by what a server has written may take a while; nobody else waits for it.
        if wrong := await asyncio.to_thread(foreign_misfit, pinned.input_schema, given):
            return told(Ending.ARGUMENTS_UNFIT, name, wrong)
        try:
            raw = await connection.call(pinned.name, given)
        except Silent:
            return told(Ending.HUNG, name, f"{self.server.timeout_s:g}")
        except Gone as error:
            return told(Ending.DIED, name, error)
        except Unreadable as error:
            return told(Ending.MALFORMED, name, error)
        except RefusedByServer as error:
            return told(Ending.SERVER_REFUSED, name, error)
        return await asyncio.to_thread(read_result, name, pinned, raw, self.server.result_bytes_max)

    async def close(self) -> None:
        """Let go of the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class McpTools:
    """The tools of all servers; leave it with `async with`."""

    def __init__(self, servers: Mapping[str, McpServer], project: Path, pins: Pins) -> None:
        """Know the servers; none is connected before it is needed."""
        self.servers = {
            name: ServerTools(server, project, pins) for name, server in servers.items()
        }

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of every server."""
        await self.close()

    async def usable(self) -> list[RemoteTool]:
        """Give the tools that may be used now, of the servers that answer; all at once."""

        async def of_one(one: ServerTools) -> list[RemoteTool]:
            with contextlib.suppress(McpServerAway, McpToolsInvalid):
                judged = await one.judged()
                return [_usable(one.server, each) for each in judged if each.standing.usable]
            return []

        found = await asyncio.gather(*(of_one(one) for one in self.servers.values()))
        return [tool for tools in found for tool in tools]

    async def call(self, name: str, arguments: bytes) -> Answer:
        """Call a tool by the engine's name. Raises McpToolUnknown when no server is meant."""
        return await self.server_of(name).call(name, arguments)

    def server_of(self, name: str) -> ServerTools:
        """Give the server that a tool's name belongs to. Raises McpToolUnknown."""
        fitting = [one for one in self.servers if name.startswith(f"{one}_")]
        if not fitting:
            said = f"the servers are: {', '.join(self.servers) or 'none'}."
            raise McpToolUnknown(name=name, reason=said)
        return self.servers[max(fitting, key=len)]

    async def close(self) -> None:
        """Let go of every server, side by side."""
        await asyncio.gather(*(one.close() for one in self.servers.values()))


def _usable(server: McpServer, judged: Judged) -> RemoteTool:
    assert judged.pin is not None
    pinned = judged.pin.definition
    effect = server.effect_of(pinned.name)
    return RemoteTool(judged.name, server.name, pinned, effect, server.timeout_s)
