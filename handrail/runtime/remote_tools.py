"""Tells the remote tools that a team declares how they stand, and lets their calls through.

Guarantees: only what `deploy/mcp.lock` holds, at the start and at each call, is called, by the
effect that handrail.toml declares; what a server answers is handed on in the words of the rails; a
team that declares no remote tool loads and starts nothing; a server is connected when it is first
called.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from handrail.contract.acted import after_act
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused
from handrail.contract.remote import Approved, RemoteTool, Withheld
from handrail.contract.tool import Tool
from handrail.errors.mcp import McpLockUnreadable
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.lock import PinsNow, read_pins
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import McpTools, ServerTools

R = TypeVar("R")

BESIDE_S: Final = 15.0  #: more than a server's own times: until a call has ended in words
OVER: Final = Withheld("the process that had connected it has ended")


@contextlib.asynccontextmanager
async def remote_tools(
    tables: Mapping[str, Mapping[str, Any]], project: Path, tools: Iterable[Tool[..., Any]]
) -> AsyncGenerator[None]:
    """Tell the remote ones among these tools of what is declared and approved, meanwhile.

    `tables` are those of handrail.toml below `[mcp]`. Raises SettingWrong, McpLockUnreadable.
    """
    declared = [tool for tool in tools if isinstance(tool, RemoteTool)]
    if not declared:
        yield
        return
    pins, now = read_pins(project), PinsNow(project)
    async with McpTools(read_servers(tables), project, pins) as servers:
        for tool in declared:
            pin = pins.get(tool.server, {}).get(tool.remote_name)
            standing = _standing(tool, servers.servers.get(tool.server), pin)
            if isinstance(standing, Approved):
                standing = replace(standing, held=_held_since(tool, standing.digest, now))
            tool.tell(standing)
        try:
            yield
        finally:
            for tool in declared:
                tool.tell(OVER)


def _standing(
    tool: RemoteTool[Any], tools: ServerTools | None, pin: Pin | None
) -> Approved | Withheld:
    if tools is None:
        cure = f"Let an operator declare it in handrail.toml, below [mcp.{tool.server}]."
        return Withheld(f"no server {tool.server} is declared", cure)
    server = tools.server
    if server.only and tool.remote_name not in server.only:
        cure = f"Let an operator add it to `only` of [mcp.{tool.server}] in handrail.toml."
        return Withheld(f"`only` of {tool.server} does not name {tool.remote_name}", cure)
    cure = (
        f"Let a person look at it and approve it, then start this agent again:"
        f" handrail tools pin {tool.name}"
    )
    if pin is None:
        return Withheld("nobody had approved its definition when this process started", cure)
    if pin.held is not None:
        return Withheld(f"it is in quarantine: {pin.held}", cure)
    return _approved(tool.name, tools, server, pin)


def _held_since(tool: RemoteTool[Any], digest: str, now: PinsNow) -> Callable[[], Withheld | None]:
    """Give what says why a tool that was approved at the start may not be called now."""
    again = f"handrail tools pin {tool.name}"

    def held() -> Withheld | None:
        try:
            pin = now.of(tool.server, tool.remote_name)
        except McpLockUnreadable as error:
            return Withheld(f"{error.what} {error.why}", "Let an operator mend the file.")
        if pin is None:
            cure = f"Let a person look at it and approve it: {again}"
            return Withheld("its approval was taken back since this process started", cure)
        if pin.held is not None:
            cure = f"Let a person look at it and approve it again: {again}"
            return Withheld(f"it is in quarantine: {pin.held}", cure)
        if pin.definition.digest != digest:
            said = "another definition of it was approved since this process started"
            return Withheld(said, "Let an operator start this agent again.")
        return None

    return held


def _approved(name: str, tools: ServerTools, server: McpServer, pin: Pin) -> Approved:
    definition = pin.definition
    effect = server.effect_of(definition.name)

    async def call(arguments: bytes) -> bytes:
        answer = await tools.call(name, arguments)
        if answer.ending is Ending.DONE:
            return answer.result
        raise refusal(answer, effect)

    return Approved(
        description=definition.description,
        input_schema=definition.input_schema,
        digest=definition.digest,
        effect=effect,
        approval=server.approval_of(definition.name),
        timeout_s=server.start_s * 2 + server.timeout_s + BESIDE_S,
        call=call,
        words_trusted=server.words == "trusted",
    )


def refusal(answer: Answer, effect: Effect) -> Refused:
    """Give how a call of a tool of this effect ended as a refusal."""
    assert answer.state is not None, "a call that is not done has a state"
    refused = Refused(
        answer.state,
        answer.detail,
        title=answer.title,
        remedy=answer.remedy,
        retry_after_s=answer.retry_after_s,
    )
    return after_act(refused, effect)
