"""The tools of every MCP server of a project: which may be used, and calling them.

Guarantee: only a tool whose definition is, to the letter, what a person has approved is called;
its arguments fit the approved schema; each call ends within its server's time in one of a closed
set of endings; no server, however it behaves, keeps the calls of another one waiting; and a call is
sent once, unless it is certain that what was sent was not carried out.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import orjson

from handrail.contract.effect import Effect
from handrail.contract.json_schema import foreign_misfit
from handrail.errors.mcp import (
    McpNotInstalled,
    McpServerAway,
    McpToolsInvalid,
    McpToolUnknown,
)
from handrail.rails.mcp.answer import Answer, Ended, read_result, told
from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.lock import Pins
from handrail.rails.mcp.server import McpServer
from handrail.rails.mcp.standing import Judged, judge

if TYPE_CHECKING:
    from handrail.rails.mcp.connection import Connection

AWAY_S = 2.0  #: for which a server that failed is not asked again
AGAIN_S = 5.0  #: after which a call that was not carried out is left to whoever tries again


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

    @property
    def busy(self) -> bool:
        """Whether it carries something that is not answered yet."""
        ...

    @property
    def doubted(self) -> bool:
        """Whether its session may be at an end, by what a call was answered."""
        ...

    async def tools(self) -> list[Definition]:
        """Ask what the server offers."""
        ...

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool by the server's own name of it. Raises Ended."""
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
        self._left: list[Connected] = []  #: that carry calls which are not answered yet
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
                await self._leave()
                raise

    async def _listed(self) -> Connected:
        """Give a connection whose list is fresh; one that was lost meanwhile is made anew."""
        connection = self._connection
        if connection is not None and connection.alive:
            fresh = time.monotonic() - self._listed_at < self.server.listed_s
            if fresh and not connection.doubted:
                return connection
            try:
                return await self._list(connection)
            except McpServerAway:
                if not connection.doubted and connection.alive:
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
        await self._leave()
        connection = (self._made or Connection)(self.server, self._project)
        met = await connection.open()
        self.protocol = met.protocol
        self._connection = connection
        self._listed_at = float("-inf")
        return connection

    async def _leave(self) -> None:
        """Let go of the connection that is not used any more; calls that it carries may end."""
        if self._connection is not None:
            self._left.append(self._connection)
            self._connection = None
        ended = [one for one in self._left if not one.busy]
        self._left = [one for one in self._left if one.busy]
        await asyncio.gather(*(one.close() for one in ended))

    async def call(self, name: str, arguments: bytes) -> Answer:
        """Call a tool by the engine's name of it; `arguments` are JSON.

        What is certain not to have been carried out, because its connection or its session was
        gone, is sent once more over another one, if that shows within AGAIN_S.
        """
        until_s = time.monotonic() + AGAIN_S
        try:
            return await self._tried(name, arguments)
        except Ended as ended:
            if not ended.ending.not_carried_out or time.monotonic() > until_s:
                return self._told(name, ended)
        try:
            return await self._tried(name, arguments)
        except Ended as ended:
            return self._told(name, ended)

    def _told(self, name: str, ended: Ended) -> Answer:
        judged = self._judged.get(name)
        pin = None if judged is None else judged.pin
        effect = Effect.UNSAFE if pin is None else self.server.effect_of(pin.definition.name)
        return told(ended.ending, name, ended.fact, effect, ended.retry_after_s)

    async def _tried(self, name: str, arguments: bytes) -> Answer:
        """Call it over the connection that there is, or a new one. Raises Ended."""
        try:
            connection = await self._current()
        except (McpServerAway, McpToolsInvalid, McpNotInstalled) as error:
            raise Ended(Ending.AWAY, f"{error.what} {error.why}") from error
        judged = self._judged.get(name)
        if judged is None or not judged.standing.usable or judged.pin is None:
            said = "nobody has approved it" if judged is None else judged.detail
            raise Ended(Ending.QUARANTINED, said)
        pinned = judged.pin.definition
        try:
            given = orjson.loads(arguments)
        except orjson.JSONDecodeError as error:
            raise Ended(Ending.ARGUMENTS_UNFIT, error) from error
        # Judging by what a server has written may take a while; nobody else waits for it.
        if wrong := await asyncio.to_thread(foreign_misfit, pinned.input_schema, given):
            raise Ended(Ending.ARGUMENTS_UNFIT, wrong)
        raw = await connection.call(pinned.name, given)
        return await asyncio.to_thread(read_result, pinned, raw, self.server.result_bytes_max)

    async def close(self) -> None:
        """Let go of the server."""
        connections, self._left = self._left, []
        if self._connection is not None:
            connections.append(self._connection)
            self._connection = None
        await asyncio.gather(*(one.close() for one in connections))


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
