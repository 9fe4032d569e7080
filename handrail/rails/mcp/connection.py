"""One connection to an MCP server, through the official SDK.

The SDK wants to be left by the task that entered it, so a task of its own holds each connection;
calls run in the tasks of their callers, each with its own time, and none waits for another's.
Checked against mcp 2.3, which speaks 2026-07-28 and, by the older handshake, 2025-11-25.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar, cast

import orjson
from mcp import Client, InputRequiredRoundsExceededError, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation, ListToolsResult
from pydantic import ValidationError

from handrail.contract.cleared import cleared, cleared_values, unfindable, unsendable
from handrail.errors.egress import EgressRefused
from handrail.errors.mcp import McpServerAway, McpToolsInvalid
from handrail.rails.mcp.answer import Ended
from handrail.rails.mcp.child_stdio import Started, child_stdio
from handrail.rails.mcp.definition import DEFINITION_BYTES_MAX, Definition
from handrail.rails.mcp.ending import CLIENT_ERROR_MIN, Ending, ending_of
from handrail.rails.mcp.exchange import Exchange, context_of
from handrail.rails.mcp.guarded_http import guarded_client
from handrail.rails.mcp.held import secrets_of, token_of, values_without, words_without
from handrail.rails.mcp.sdk_lines import silence_sdk
from handrail.rails.mcp.server import McpServer

R = TypeVar("R")
Start = Callable[[Started], contextlib.AbstractAsyncContextManager[tuple[Any, Any]]]

TOOLS_MAX = 512
PAGES_MAX = 64
BYTES_BESIDE = 64 * 1024  #: what a message holds besides a result, or a list of tools
LIST_BYTES_MAX = 8 << 20
END_S = 10.0
ENDED: Final = "the connection has ended"
ENDED_BY_SDK: Final = "Connection closed"  #: the words of mcp 2.3 for the same

silence_sdk()


class _Client(Client):
    """The SDK's client, that sends a call once and leaves the judging of results to us."""

    async def __aenter__(self) -> Self:
        """Connect."""
        await super().__aenter__()

        async def not_judged(name: str, result: CallToolResult) -> None:
            # mcp 2.3 would judge in the event loop, by patterns of the server that may never come
            # to an end; `read_result` judges in bounded time, by what is pinned.
            del name, result

        vars(self.session)["validate_tool_result"] = not_judged
        return self

    async def _relist_tool(self, name: str) -> None:
        # mcp 2.3 would list the tools anew and send the call a second time, for a code that any
        # tool may raise once it has acted.
        raise TimeoutError(name)


@dataclass(frozen=True, slots=True)
class Met:
    """What a server has said of itself; nobody acts on it."""

    protocol: str


class Connection:
    """A server that is connected, or tried to be.

    Nothing that it gives or raises says what the server was given to keep, as `held` names it.
    """

    def __init__(
        self,
        server: McpServer,
        project: Path,
        started: Start = child_stdio,
        *,
        end_s: float = END_S,
    ) -> None:
        """Know the server; `open` connects.

        `started` is how one with a command is started; `end_s` is how long what is asked to end may
        take before it is ended.
        """
        self._start = started
        self._end_s = end_s
        self._server = server
        self._secrets = secrets_of(server)
        self._project = project
        self._client: Client | None = None
        self._stop = asyncio.Event()
        self._over = asyncio.Event()  # the server says nothing more
        self._task: asyncio.Task[None] | None = None
        self._asked_count = 0  # requests that are not answered yet
        self.doubted = False  #: its session may be at an end, by what a request was answered

    @property
    def alive(self) -> bool:
        """Whether calls may be sent."""
        held = self._task is not None and not self._task.done() and self._client is not None
        return held and not (self._stop.is_set() or self._over.is_set())

    @property
    def busy(self) -> bool:
        """Whether something was asked that is not answered yet."""
        return self._asked_count > 0

    async def open(self) -> Met:
        """Connect and agree on a version of the protocol. Raises McpServerAway."""
        opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(opened), name=f"MCP {self._server.name}")
        try:
            async with asyncio.timeout(self._server.start_s):
                client = await asyncio.shield(opened)
                self._client = client
        except TimeoutError:
            await self.close()
            said = f"it did not answer within {self._server.start_s:g} s."
            raise McpServerAway(server=self._server.name, reason=said) from None
        except BaseException:
            await self.close()
            raise
        return Met(client.protocol_version)

    async def _hold(self, opened: asyncio.Future[Client]) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                transport = await self._transport(stack)
                client = await stack.enter_async_context(self._spoken_to(transport))
                if not opened.done():
                    opened.set_result(client)
                await self._stop.wait()
        except asyncio.CancelledError:
            if not opened.done():
                opened.cancel()
            raise
        except McpServerAway as error:
            if not opened.done():
                opened.set_exception(error)
        except BaseException as error:  # noqa: BLE001  told to whoever waits, in one sentence
            if not opened.done():
                said = f"{_in_words(error, self._secrets)}."
                opened.set_exception(McpServerAway(server=self._server.name, reason=said))
        finally:
            self._client = None

    async def _transport(self, stack: contextlib.AsyncExitStack) -> Any:  # noqa: ANN401  a protocol of the SDK that it does not export
        server = self._server
        if server.url is None:
            environment = {name: os.environ[name] for name in server.env if name in os.environ}
            line_max = max(server.result_bytes_max * 2, LIST_BYTES_MAX)
            started = Started(
                server.name, server.command, environment, self._project, line_max, self._over
            )
            return self._start(started)
        token = token_of(server)
        if token and (why := unsendable(token) or unfindable(token)):
            # The HTTP client would refuse one that it cannot send too, and show it in its refusal.
            reason = f"{server.token_env} {why}; nothing was sent."
            raise McpServerAway(server=server.name, reason=reason)
        client = await stack.enter_async_context(
            guarded_client(
                server.allowed,
                {"Authorization": f"Bearer {token}"} if token else {},
                read_s=max(server.timeout_s, server.start_s) * 2,
                bytes_max=max(server.result_bytes_max + BYTES_BESIDE, LIST_BYTES_MAX),
            )
        )
        return streamable_http_client(
            server.url, http_client=client, max_sse_event_size=LIST_BYTES_MAX
        )

    def _spoken_to(self, transport: Any) -> Client:  # noqa: ANN401  as above
        spec = self._server.spec
        return _Client(
            transport,
            mode="legacy" if spec == "2025-11-25" else spec,
            cache=None,  # a server's word on how long its list is fresh is advice
            client_info=Implementation(name="handrail", version="1"),
        )

    async def tools(self) -> list[Definition]:
        """Ask what the server offers, all of it in time. Raises McpServerAway, McpToolsInvalid."""
        loop = asyncio.get_running_loop()
        over_s = loop.time() + self._server.start_s
        found: list[Definition] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            try:
                page = await self._asked(_list_at(cursor), max(0.0, over_s - loop.time()))
            except Ended as error:
                raise self._unlisted(error) from error
            # They may be long, and nobody else waits for it.
            found += await asyncio.to_thread(_definitions, page.tools, self._secrets)
            if len(found) > TOOLS_MAX:
                break
            cursor = page.next_cursor
            if not cursor:
                self.doubted = False
                return found
        said = f"it lists more than {TOOLS_MAX} tools, or never ends."
        raise McpToolsInvalid(server=self._server.name, reason=said)

    def _unlisted(self, ended: Ended) -> McpServerAway | McpToolsInvalid:
        name = self._server.name
        match ended.ending:
            case Ending.MALFORMED | Ending.NO_ANSWER:
                return McpToolsInvalid(server=name, reason=f"{ended.fact}.")
            case Ending.HUNG:
                said = f"it does not list its tools within {self._server.start_s:g} s."
                return McpServerAway(server=name, reason=said)
            case _:
                said = f"it does not list its tools: {ended.fact}."
                return McpServerAway(server=name, reason=said)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool by the server's own name of it; gives what came, as JSON values.

        Raises Ended.
        """

        def ask(client: Client) -> Coroutine[Any, Any, CallToolResult]:
            return client.call_tool(tool, dict(arguments))

        answered = await self._asked(ask, self._server.timeout_s)
        # It may be long, and nobody else waits for it.
        return await asyncio.to_thread(self._kept, answered)

    def _kept(self, answered: CallToolResult) -> dict[str, Any]:
        """Give a result as it may be kept; one that is too long is refused first. Raises Ended."""
        raw: dict[str, Any] = answered.model_dump(mode="json", by_alias=True, exclude_none=True)
        bytes_max = self._server.result_bytes_max
        # The words of a failure are cut, and it never says that the tool has acted.
        if raw.get("isError") is not True and (_bytes_count(raw) or 0) > bytes_max:
            raise Ended(Ending.TOO_LARGE, bytes_max)
        return values_without(raw, self._secrets)

    async def _asked(self, ask: Callable[[Client], Coroutine[Any, Any, R]], within_s: float) -> R:
        try:
            return await self._sent(ask, within_s)
        except Ended as ended:
            fact = words_without(str(ended.fact), self._secrets)
            if fact == str(ended.fact):
                raise
            # Its cause says the same, and logs print causes.
            raise Ended(ended.ending, fact, ended.retry_after_s) from None

    async def _sent(self, ask: Callable[[Client], Coroutine[Any, Any, R]], within_s: float) -> R:
        client, holder = self._client, self._task
        if client is None or holder is None or not self.alive:
            raise Ended(Ending.AWAY, ENDED)
        # Over standard input it may have been heard as soon as it is asked.
        exchange = Exchange(sent=self._server.url is None)
        name = f"call to MCP {self._server.name}"
        asked = asyncio.create_task(ask(client), name=name, context=context_of(exchange))
        self._asked_count += 1
        try:
            # A connection that ends takes its answers with it; nobody waits for them then.
            await asyncio.wait(
                {asked, holder}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
            if asked.done():
                return asked.result()
            if holder.done():
                raise _cut_off(exchange, ENDED)
            # It may yet be sent, so that nobody can say that it was not.
            raise Ended(Ending.HUNG, f"{within_s:g}")
        except MCPError as error:
            raise await self._ended(error, exchange, holder) from error
        except InputRequiredRoundsExceededError as error:
            raise Ended(Ending.NO_ANSWER, "it asks on and on in place of a result") from error
        except ValidationError as error:
            # Its own text names every value that does not fit, and there may be a million.
            said = f"ValidationError: {error.error_count()} validation errors for {error.title}"
            raise Ended(Ending.MALFORMED, said) from error
        except RuntimeError as error:
            first = str(error).partition("\n")[0]
            raise Ended(Ending.MALFORMED, f"{type(error).__name__}: {first}") from error
        finally:
            if not asked.done():
                asked.cancel()
                await asyncio.wait({asked}, timeout=self._end_s)
            self._asked_count -= 1

    async def _ended(
        self, error: MCPError, exchange: Exchange, holder: "asyncio.Task[None]"
    ) -> Ended:
        http = exchange.answer
        ending = ending_of(error.code, error.message, http)
        if ending is Ending.DIED:
            return await self._died(error.message, exchange, holder)
        said = f"{error.message.rstrip('. ')} (code {error.code})"
        if http is None:
            return Ended(ending, said)
        if http.status >= CLIENT_ERROR_MIN:
            self.doubted = self.doubted or http.in_session
        if ending is Ending.NO_ANSWER:
            return Ended(ending, f"HTTP status {http.status}, without a message of the protocol")
        in_its_words = ending in {Ending.SERVER_REFUSED, Ending.SERVER_FAILED}
        fact = said if in_its_words else f"HTTP status {http.status}"
        return Ended(ending, fact, http.retry_after_s)

    async def _died(self, said: str, exchange: Exchange, holder: "asyncio.Task[None]") -> Ended:
        if said != ENDED_BY_SDK:
            return Ended(Ending.DIED, said)  # one stream of events of many
        if self._server.url is None:
            self._stop.set()
        if not exchange.sent:
            # A request that waits for its connection is certain not to be sent once all has ended.
            await asyncio.wait({holder}, timeout=self._end_s)
        return _cut_off(exchange, said) if holder.done() else Ended(Ending.DIED, said)

    async def close(self) -> None:
        """Let go of the server; one that was started here is ended."""
        self._stop.set()
        task = self._task
        if task is None:
            return
        # One that never answered is not asked to end: it waits for a word that does not come.
        if self._client is not None:
            await asyncio.wait({task}, timeout=self._end_s)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=self._end_s)


def _cut_off(exchange: Exchange, said: str) -> Ended:
    return Ended(Ending.DIED if exchange.sent else Ending.AWAY, said)


def _list_at(cursor: str | None) -> Callable[[Client], Coroutine[Any, Any, ListToolsResult]]:
    return lambda client: client.list_tools(cursor=cursor)


def _bytes_count(value: object) -> int | None:
    """Give how long a value is as JSON; None for one that no journal could keep."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return None


def _definitions(tools: Sequence[Any], secrets: Mapping[str, str]) -> list[Definition]:
    return [_definition(tool, secrets) for tool in tools]


def _definition(tool: Any, secrets: Mapping[str, str]) -> Definition:  # noqa: ANN401  a model of the SDK
    annotations = tool.annotations
    offered = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description or "",
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "annotations": None
        if annotations is None
        else annotations.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    if (_bytes_count(offered) or 0) > DEFINITION_BYTES_MAX:
        # No approval helps it: that it is too long is all that is kept of what it says.
        blank = " " * DEFINITION_BYTES_MAX
        return Definition(cleared(tool.name, secrets), None, blank, {}, None, None)
    return Definition(**cleared_values(offered, secrets))


def _in_words(error: BaseException, secrets: Mapping[str, str]) -> str:
    """Give the innermost reason of a group of errors, cleared of these secrets."""
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        error = group.exceptions[0]
    if isinstance(error, EgressRefused):
        return f"{error.what} {error.why}".rstrip(".")
    # What is cut off before it is cleared may be a part of a secret.
    return f"{type(error).__name__}: {words_without(str(error), secrets)[:300]}".rstrip(".: ")
