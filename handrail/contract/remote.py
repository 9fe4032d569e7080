"""A tool of an MCP server as a team declares it: `read = remote_tool("files", "read_text_file")`.

What it is called with, what a model reads of it and what it does to the world are not the team's
words: a person has approved its definition and an operator has declared its effect, and a process
that serves agents tells each declared tool of both before the first handoff. Guarantees: a tool
that nobody told, or of which nothing is approved, is never called; what it gives is not trusted;
nor are its words, unless the operator says so.
"""

import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, overload

import orjson
from pydantic import ConfigDict, TypeAdapter, create_model

from handrail.contract.canonical import plain
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.json_schema import foreign_misfit
from handrail.contract.terms import Approval, Reach, ToolTerms
from handrail.contract.tool import Tool, ToolContext, ToolContract
from handrail.wire.label import NOTHING_READ, OF_OUTSIDE

R = TypeVar("R")

TOOL_NAME_CHARS_MAX = 64
#: As an approved schema is asked about arguments within the event loop: some tenths of a second.
STEPS_MAX = 20_000
_ANYTHING = {"type": "object"}
_UNTOLD = "no process has connected it to its server"
_WITHHELD = "A tool of an MCP server that may not be called now; a call is refused, with its cure."


def engine_name(server: str, tool: str) -> str:
    """Give the name by which the engine and models know a tool of a server."""
    known = re.sub(r"[^a-z0-9]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", tool).lower())
    return f"{server}_{known.strip('_')}"[:TOOL_NAME_CHARS_MAX]


def default_approval(effect: Effect) -> Approval | None:
    """Say who has to approve each call where an operator has not said: anyone, if it is unsafe."""
    return Approval() if effect is Effect.UNSAFE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """What a person has approved of a tool, and what an operator has declared."""

    description: str
    input_schema: Mapping[str, Any]
    digest: str  #: of its whole definition
    effect: Effect
    approval: Approval | None
    timeout_s: float  #: in which every call ends
    call: Callable[[bytes], Awaitable[bytes]]  #: gives the result, as JSON; raises Refused
    words_trusted: bool = False  #: the operator vouches for what a model reads of it
    held: "Callable[[], Withheld | None]" = lambda: None  #: why it may not be called any more


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a tool may not be called, and the cure."""

    detail: str
    remedy: str | None = None


class RemoteTool(Tool[..., R]):
    """A tool that somebody else's server carries out. Called by name: `ctx.call(read, path="a")`.

    Until a process has told it what is approved it is unsafe and needs an approval. A model that
    is offered it has read a stranger's words, pinned or not.
    """

    words = OF_OUTSIDE

    def __init__(self, server: str, tool: str, returns: Any) -> None:  # noqa: ANN401  any type
        """Belong to a server; `remote_tool` makes it."""
        self.server = server
        self.remote_name = tool
        self._told: Approved | Withheld = Withheld(_UNTOLD)
        self._is_told = False
        name = engine_name(server, tool)
        reads = TypeAdapter[Any](returns)
        super().__init__(_never, _contract(name, _WITHHELD, Effect.UNSAFE, Approval(), reads))

    def tell(self, told: Approved | Withheld) -> None:
        """Say how it stands, before anybody calls it."""
        self._told, self._is_told = told, True
        vouched = isinstance(told, Approved) and told.words_trusted
        self.words = NOTHING_READ if vouched else OF_OUTSIDE
        returns, name = self.contract.returns, self.name
        if isinstance(told, Withheld):
            contract = _contract(name, _WITHHELD, Effect.UNSAFE, Approval(), returns)
        else:
            contract = _contract(name, told.description, told.effect, told.approval, returns)
            contract = replace(contract, timeout_s=told.timeout_s)
        super().__init__(_never, contract)

    @property
    def version(self) -> str:
        """A digest of what is approved and declared: another definition is another version."""
        told = self._told
        known = told.digest if isinstance(told, Approved) else ""
        return hashlib.sha256(f"{self.contract.version} {known}".encode()).hexdigest()[:16]

    @property
    def args_schema(self) -> dict[str, Any]:
        """The approved schema of its arguments."""
        told = self._told
        return dict(told.input_schema if isinstance(told, Approved) else _ANYTHING)

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401  JSON values
        """Give the arguments of a call by name; raises Refused (`invalid_input`)."""
        if args:
            raise Refused(State.INVALID_INPUT, f"{self.name} takes its arguments by name")
        return kwargs

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Give arguments that fit the approved schema; raises Refused (`invalid_input`).

        Where nothing is approved they stay as they are. Whether it may be called is not asked.
        """
        told = self._told
        if isinstance(told, Withheld):
            return dict(arguments)
        try:
            given: dict[str, Any] = orjson.loads(orjson.dumps(plain(dict(arguments))))
        except TypeError as error:
            raise Refused(State.INVALID_INPUT, f"{self.name}: {error}") from error
        if wrong := foreign_misfit(told.input_schema, given, steps_max=STEPS_MAX):
            raise Refused(State.INVALID_INPUT, f"{self.name}: {wrong}")
        return given

    def held(self) -> Refused | None:
        """Say why it may not be called now: nothing is approved, or it is in quarantine.

        Of one that no process has told nothing is said: a test may answer for it.
        """
        told = self._told
        if isinstance(told, Withheld):
            return self._withheld(told) if self._is_told else None
        # Looked up at each call: a quarantine does not wait for a restart.
        held = told.held()
        return None if held is None else self._withheld(held)

    async def run(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> R:
        """Have its server carry it out once. Raises Refused."""
        del ctx  # a stranger is told nothing but the arguments
        told = self._told
        if isinstance(told, Withheld):
            raise self._withheld(told)
        # Once more: since the gateway has let it through it may have been put in quarantine.
        if (held := told.held()) is not None:
            raise self._withheld(held)
        given = orjson.dumps(plain(dict(arguments)))
        return self.result_of(orjson.loads(await told.call(given)))

    def _withheld(self, told: Withheld) -> Refused:
        detail = f"The tool {self.name} may not be called: {told.detail.rstrip('.')}."
        return Refused(State.DENIED_BY_POLICY, detail, remedy=told.remedy)


@overload
def remote_tool(server: str, tool: str) -> RemoteTool[Any]: ...
@overload
def remote_tool(server: str, tool: str, *, returns: type[R]) -> RemoteTool[R]: ...
def remote_tool(server: str, tool: str, *, returns: Any = Any) -> RemoteTool[Any]:
    """Declare a tool of the MCP server that handrail.toml has below `[mcp.SERVER]`.

    `tool` is the server's own name of it. What it gives is checked as a `returns`: without one it
    is the structured result of the server as JSON values, or the list of what it holds.
    """
    return RemoteTool(server, tool, returns)


async def _never() -> Any:  # noqa: ANN401  never called
    raise AssertionError("a remote tool has no body here")


def _contract(
    name: str,
    description: str,
    effect: Effect,
    approval: Approval | None,
    returns: TypeAdapter[Any],
) -> ToolContract:
    return ToolContract(
        name=name,
        description=description,
        effect=effect,
        timeout_s=10.0,
        failures=frozenset(),
        signature=inspect.Signature(),
        wants_context=False,
        args_model=create_model(name, __config__=ConfigDict(extra="allow")),
        returns=returns,
        terms=ToolTerms(reach=Reach.EXTERNAL, approval=approval),
    )
