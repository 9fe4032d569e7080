"""Has the tools that ask for it run in the sandbox of their process, or says why they are not run.

Guarantee: a tool that declares a level is run with it or not at all, whatever becomes of the
sandbox; a process whose tools ask for none starts none.
"""

import contextlib
import math
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
import structlog
from pydantic import ValidationError

from handrail.contract.acted import LEAVES_NO_TRACE, of_body
from handrail.contract.canonical import plain
from handrail.contract.confinement import Level, Limits
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool, ToolContext
from handrail.errors.sandbox import SandboxBroken
from handrail.lane.failure_class import Failure, RaisedElsewhere
from handrail.models.port import JsonObject, Model
from handrail.rails.egress import Egress
from handrail.rails.sandbox.outcome import Ending, Outcome
from handrail.rails.secrets import SecretStore
from handrail.runtime.discovery import ToolFiles
from handrail.runtime.secret_store import ProjectSecrets
from handrail.runtime.worker.acting import StepRunner

if TYPE_CHECKING:
    # The rest of the sandbox is loaded by processes that start one.
    from handrail.rails.sandbox.sandbox import Sandbox

log = structlog.get_logger("handrail.sandbox")

R = TypeVar("R")

HARMLESS: Final = ("pure", "read")


class Confining:
    """What the gateway and the steps of one process ask about its sandbox."""

    def __init__(
        self,
        sandbox: "Sandbox | None",
        why_not: str,
        declared: Collection[str],
        project: Path | None = None,
    ) -> None:
        """Use this sandbox, which has the bodies of these tools; without one `why_not` says why."""
        self.sandbox = sandbox
        self._why_not = why_not
        self._declared = declared
        self._secrets = ProjectSecrets(project)

    def confines(self, tool: Tool[..., Any]) -> Refused | None:
        """Say why a tool is not run here as confined as it declares; None when it is."""
        level = tool.terms.sandbox
        if level is Level.NONE:
            return None
        if tool.name not in self._declared:
            return Refused(
                State.SANDBOX_UNAVAILABLE,
                f"{tool.name} is confined, and stands in no file of which the sandbox knows",
                remedy="Let its owner declare it in a file of tools/ or in that of its agent,"
                " or import it there by its name.",
            )
        if self.sandbox is None:
            return Refused(State.SANDBOX_UNAVAILABLE, f"{tool.name}: {self._why_not}")
        proof = self.sandbox.proof
        if proof.level.holds(level):
            return None
        why = f"level {level} does not hold here, only {proof.level}."
        why = " ".join([why, *proof.leaks.values(), proof.cure or ""]).rstrip()
        return Refused(State.SANDBOX_UNAVAILABLE, f"{tool.name}: {why}")

    def steps(self, model: Model) -> StepRunner:
        """Make what carries out the steps of one invocation."""
        return ConfinedSteps(model, self, self._secrets)


class ConfinedSteps(StepRunner):
    """Carries steps out; a tool that declares a level, in the sandbox."""

    def __init__(self, model: Model, confining: Confining, secrets: SecretStore) -> None:
        """Use the sandbox of this process."""
        super().__init__(model, secrets)
        self._confining = confining

    async def carried_out(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Carry a tool out once, confined as it declares.

        Raises Refused, and RaisedElsewhere for what its body has raised.
        """
        level = tool.terms.sandbox
        if level is Level.NONE:
            return await super().carried_out(tool, ctx, arguments)
        if (refused := self._confining.confines(tool)) is not None:
            raise refused
        sandbox = self._confining.sandbox
        assert sandbox is not None, "what is confined has a sandbox"
        from handrail.rails.sandbox.sandbox import Call  # noqa: PLC0415  it is loaded by now
        from handrail.rails.sandbox.tool_body import call_of  # noqa: PLC0415  the same

        try:
            given = orjson.dumps(plain(arguments))
        except TypeError as error:
            # Nothing has begun: such as a whole number of more than 64 bits goes into no sandbox.
            said = f"{tool.name}: its arguments cannot be handed over: {error}"
            raise Refused(State.INVALID_INPUT, said) from error
        call = Call(tool.name, call_of(given, ctx), ctx.secrets)
        limits = Limits(wall_s=tool.timeout_s, cpu_s=math.ceil(tool.timeout_s))
        try:
            outcome = await sandbox.run(call, level, limits, Egress.of(tool.terms.egress))
        except SandboxBroken as error:
            said = f"{tool.name}: {error.what} {error.why}"
            raise Refused(State.SANDBOX_UNAVAILABLE, said) from error
        if outcome.log:
            # What a body has raised stands nowhere else.
            say = log.warning if outcome.ending is Ending.FAILED else log.info
            say("tool said", tool=tool.name, task=ctx.task_id, text=outcome.log)
        return _result(tool, outcome)


def _result(tool: Tool[Any, R], outcome: Outcome) -> R:
    if outcome.ending is Ending.DONE:
        try:
            # What comes out of a sandbox is read as if anybody had written it.
            return tool.from_record(outcome.result)
        except ValidationError as error:
            said = f"{tool.name}: what it gave back is not what it promises"
            raise Refused(State.OUTPUT_INVALID, said) from error
    if outcome.ending is Ending.FAILED:
        raise RaisedElsewhere(outcome.error, Failure.of(outcome.judged))
    state = outcome.state or State.INTERNAL
    if state is State.OUTCOME_UNKNOWN and tool.effect in HARMLESS:
        # It changes nothing, so that there is nothing to find out at the other side.
        timed_out = outcome.ending is Ending.TIMED_OUT
        state = State.TIMEOUT_NO_EFFECT if timed_out else State.INTERNAL
        raise Refused(state, f"{tool.name}: {outcome.detail}")
    refused, remedy = outcome.ending is Ending.REFUSED, outcome.remedy
    if outcome.ending is Ending.OUTPUT_TOO_LARGE and tool.effect not in LEAVES_NO_TRACE:
        remedy = "Let the tool's owner have it give back less."  # asking for less is another act
    told = Refused(
        state,
        outcome.detail if refused else f"{tool.name}: {outcome.detail}",
        title=outcome.title,
        remedy=remedy,
        retry_after_s=outcome.retry_after_s,
        retry=outcome.retry,
    )
    # What comes out of a sandbox may be anything, whatever runs within.
    raise of_body(told, tool.name, tool.effect) if refused else told


@contextlib.asynccontextmanager
async def confining(
    project: Path, tools: Collection[Tool[..., Any]], declared: ToolFiles
) -> AsyncGenerator[Confining]:
    """Start the sandbox where a tool asks for it. One that does not start is told by each call."""
    if all(tool.terms.sandbox is Level.NONE for tool in tools):
        why_not = "no tool of this team asked for a sandbox when it was started"
        yield Confining(None, why_not, declared.by_name, project)
        return
    from handrail.rails.sandbox.probe import proved  # noqa: PLC0415  only where a sandbox is wanted
    from handrail.runtime.sandboxed_tools import setting  # noqa: PLC0415  the same

    async with contextlib.AsyncExitStack() as stack:
        sandbox, why_not = None, ""
        try:
            sandbox = await stack.enter_async_context(proved(setting(tools, declared)))
        except SandboxBroken as error:
            why_not = f"{error.what} {error.why}"
            log.warning("sandbox did not start", reason=error.why)
        else:
            log.info("sandbox proved", level=sandbox.proof.level, leaks=dict(sandbox.proof.leaks))
        yield Confining(sandbox, why_not, declared.by_name, project)
