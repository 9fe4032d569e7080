"""An MCP server that is started here and spoken to over its standard input and output.

It gets a clean environment and a session of its own, so that it is ended with all it has started.
A line is bounded: a server that never ends one is cut off instead of filling our memory. So is one
that says line after line what is no message, and until then every other task has its turn.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio
import structlog
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter

CLOSE_S = 2.0
BAD_LINES_MAX = 256  #: one after the other, of what is no message
UNASKED_MAX = 10_000  #: messages one after the other that answer nothing, such as notifications
ANSWERS = (JSONRPCResponse, JSONRPCError)
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What to start and how much it may say in one line."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    line_bytes_max: int
    over: asyncio.Event = field(default_factory=asyncio.Event)  #: set once it says nothing more


class Speaker(Protocol):
    """A server as far as it is spoken to: a process is one."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""
        ...

    @property
    def stdin(self) -> asyncio.StreamWriter | None:
        """Where it hears."""
        ...


@asynccontextmanager
async def child_stdio(what: Started) -> AsyncGenerator[tuple[Any, Any]]:
    """Start a server; gives the streams that the SDK reads from and writes to. Raises OSError."""
    program, *arguments = what.command
    process = await asyncio.create_subprocess_exec(
        # Found as whoever wrote the command would find it; the server itself gets a clean PATH.
        shutil.which(program) or program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**CLEAN, **what.environment},
        cwd=what.folder,
        limit=what.line_bytes_max,
        start_new_session=True,
    )
    try:
        async with spoken(what, process) as streams:
            yield streams
    finally:
        await asyncio.shield(_end(process))


@asynccontextmanager
async def spoken(what: Started, process: Speaker) -> AsyncGenerator[tuple[Any, Any]]:
    """Give the streams of the SDK over what a server says and hears, line by line."""
    heard_in, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    said, said_out = anyio.create_memory_object_stream[SessionMessage](0)
    async with heard_in, heard, said, said_out, anyio.create_task_group() as group:
        group.start_soon(_hear, what, process, heard_in)
        group.start_soon(_say, process, said_out, heard_in)
        try:
            yield heard, said
        finally:
            group.cancel_scope.cancel()


async def _hear(what: Started, process: Speaker, onward: Any) -> None:  # noqa: ANN401  a stream of anyio
    try:
        await _hear_on(what, process, onward)
    finally:
        what.over.set()


async def _hear_on(what: Started, process: Speaker, onward: Any) -> None:  # noqa: ANN401  the same
    assert process.stdout is not None
    bad, unasked, told = 0, 0, False
    async with onward:
        while True:
            # Python 3.11: a line that has come already is given without a turn for anybody else.
            await asyncio.sleep(0)
            try:
                line = await process.stdout.readuntil(b"\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
                # The end of the stream is what the session sees: whoever waits is told at once.
                log.warning("MCP server stopped speaking", server=what.name, reason=str(error))
                return
            try:
                message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                # Servers print on their standard output what belongs on the other one.
                bad += 1
                if not told:
                    log.warning("MCP server said what is no message", server=what.name)
                    told = True
                if bad > BAD_LINES_MAX:
                    log.warning("MCP server says nothing else, cut off", server=what.name)
                    return
                continue
            bad = 0
            # It may talk for ever without an answer: calls end by their time, and so does this.
            unasked = 0 if isinstance(message.message, ANSWERS) else unasked + 1
            if unasked > UNASKED_MAX:
                log.warning("MCP server says what nobody asked for, cut off", server=what.name)
                return
            try:
                await onward.send(message)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return


async def _say(process: Speaker, source: Any, heard: Any) -> None:  # noqa: ANN401  streams of anyio
    assert process.stdin is not None
    try:
        async with source:
            async for message in source:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()
    except OSError:
        await heard.aclose()  # it no longer listens; a request would wait for ever


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it and all it has started: first by the end of its input, then by force."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), CLOSE_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # Until Python 3.12 `wait` waits for the pipes too, and nobody reads this one to its end;
    # asyncio offers no other way to let go of it.
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
    await process.wait()
