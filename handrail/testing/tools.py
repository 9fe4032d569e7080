"""Tools that a test answers for, at the place where an agent's steps are carried out.

Arguments are recorded before anything else happens. A tool that was neither faked nor allowed
fails the test and shows what it was called with.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.remote import Approved, RemoteTool, default_approval
from handrail.contract.terms import Approval
from handrail.contract.tool import Tool, ToolContext
from handrail.models.port import JsonObject, Model
from handrail.rails.gateway import Rails
from handrail.rails.policy import NoPolicy, Policy
from handrail.runtime.worker.acting import StepRunner
from handrail.testing.memory import TENANT
from handrail.testing.unscripted import Surprises

R = TypeVar("R")


@dataclass(slots=True)
class Fake:
    """What happens instead of a tool: it returns, raises, does something, or runs for real."""

    returns: object = None
    raises: BaseException | None = None
    does: Callable[..., object] | None = None
    real: bool = False


@dataclass(slots=True)
class FakedTools:
    """Every fake of a team, and every call of a tool in the order in which they came."""

    surprises: Surprises
    fakes: dict[str, Fake] = field(default_factory=dict[str, Fake])
    called: dict[str, list[Mapping[str, Any]]] = field(
        default_factory=dict[str, list[Mapping[str, Any]]]
    )

    secrets: dict[str, str] = field(default_factory=dict[str, str])

    def read(self, tenant: str, name: str) -> str | None:
        """Give a secret that a test has put here."""
        return self.secrets.get(f"{tenant}/{name}")

    def place(self, tenant: str, name: str) -> str:
        """Say how a test puts it here."""
        return f'the test: team.secret("{name}", "…", tenant="{tenant}")'

    def steps(self, model: Model) -> StepRunner:
        """Make what does what the steps of one invocation ask for."""
        return FakedSteps(model, self)


class FakedSteps(StepRunner):
    """Carries steps out as production does, except for what the test answers for."""

    def __init__(self, model: Model, tools: FakedTools) -> None:
        """Ask these fakes before a tool is run."""
        super().__init__(model, tools)
        self._tools = tools

    async def tool(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Give what the fake says. Raises UnscriptedError when nothing was said about the tool."""
        self._tools.called.setdefault(tool.name, []).append(dict(arguments))
        fake = self._tools.fakes.get(tool.name)
        if fake is None:
            raise self._tools.surprises.say(_in_words(tool, arguments))
        if fake.real:
            return await super().tool(tool, ctx, arguments)
        if fake.raises is not None:
            raise fake.raises
        value: Any = fake.returns if fake.does is None else fake.does(**arguments)
        return cast("R", await value if isinstance(value, Awaitable) else value)

    async def lacks(self, tool: Tool[Any, Any], tenant: str) -> Refused | None:
        """Say which secret a tool lacks that is run as it is; an answer of a test needs none."""
        fake = self._tools.fakes.get(tool.name)
        return await super().lacks(tool, tenant) if fake is not None and fake.real else None


def _in_words(tool: Tool[Any, Any], arguments: JsonObject) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return (
        "A tool was called that the test neither fakes nor allows.\n"
        f"  {tool.name}({given})\n"
        f"  Answer for it: team.fake({tool.name}, returns=…), or team.allow({tool.name})"
    )


def unconfined(policy: Policy | None = None) -> Rails:
    """Give the rails of a test: those of production, but tools run in the test's own process."""

    def confines(tool: Tool[..., Any]) -> None:
        del tool

    return Rails(policy=policy or NoPolicy(), confines=confines)


async def _no_server(arguments: bytes) -> bytes:
    raise Refused(State.DEPENDENCY_UNAVAILABLE, f"no server is connected; given was {arguments!r}")


class ToolHands:
    """What a test does about the tools of its team."""

    _tools: FakedTools

    def fake(
        self,
        tool: Tool[..., Any],
        *,
        returns: object = None,
        raises: BaseException | None = None,
        does: Callable[..., object] | None = None,
    ) -> None:
        """Answer for a tool from now on; `does` gets its arguments by name and may be async."""
        self._tools.fakes[tool.name] = Fake(returns, raises, does)

    def declare(
        self,
        tool: RemoteTool[Any],
        *,
        effect: Effect,
        approval: Approval | Literal["none"] | None = None,
    ) -> None:
        """Say what an operator declares of a remote tool whose server a test does without.

        As in handrail.toml: where `approval` is left out anybody has to approve each call of an
        unsafe one, and nobody those of others; `"none"` says that nobody has to.
        """
        usual = default_approval(effect) if approval is None else approval
        tool.tell(
            Approved(
                description=tool.description,
                input_schema={"type": "object"},
                digest="",
                effect=effect,
                approval=None if usual == "none" else usual,
                timeout_s=tool.timeout_s,
                call=_no_server,
            )
        )

    def allow(self, tool: Tool[..., Any]) -> None:
        """Let a tool run for real; its calls are recorded as well."""
        self._tools.fakes[tool.name] = Fake(real=True)

    def secret(self, name: str, value: str, *, tenant: str = TENANT) -> None:
        """Put a secret where tools that run for real find it."""
        self._tools.secrets[f"{tenant}/{name}"] = value

    def calls(self, tool: Tool[..., Any]) -> list[Mapping[str, Any]]:
        """Give the arguments of every call of a tool, in the order of the calls."""
        return list(self._tools.called.get(tool.name, ()))
