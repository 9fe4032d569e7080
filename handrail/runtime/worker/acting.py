"""Does what steps ask for, without a record: the seam at which a test answers instead."""

import asyncio
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool, ToolContext
from handrail.models.port import JsonObject, Model, ModelReply, ModelRequest
from handrail.rails.secrets import SecretStore, error_without, resolved, result_without
from handrail.runtime.secret_store import open_secrets
from handrail.runtime.worker.store_threads import ask_store

log = structlog.get_logger("handrail.rails")

R = TypeVar("R")


class StepRunner:
    """Does what steps ask for, without a record: the seam at which a test answers instead."""

    def __init__(self, model: Model, secrets: SecretStore | None = None) -> None:
        """Use this model; `secrets` in place of what the environment names."""
        self.model = model
        self._secrets = secrets

    async def model_turn(self, request: ModelRequest) -> ModelReply:
        """Have the model take one turn."""
        return await self.model.respond(request)

    async def tool(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Carry a tool out once, with the secrets that it declares; none is in what comes of it.

        Raises Refused; a tool that does not end in time may still have had its effect. The store
        of secrets has as long as the body, by itself.
        """
        if not tool.terms.secrets:
            return await self.carried_out(tool, ctx, arguments)
        try:
            secrets = await self._resolved(tool, ctx.tenant)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - its own words may hold what the store keeps
            why = str(error) if isinstance(error, StoreHangs) else _failed(error)
            said = f"{tool.name} was not called: {why}"
            cure = "Let an operator look at the store of secrets, then try again."
            raise Refused(State.DEPENDENCY_UNAVAILABLE, said, remedy=cure) from None
        # What is said may be megabytes, and the heartbeats go on while it is looked through.
        try:
            result = await self.carried_out(tool, replace(ctx, secrets=secrets), arguments)
        except Exception as error:
            clear = await asyncio.to_thread(error_without, tool.name, error, secrets)
            if clear is error:
                raise
        else:
            return await asyncio.to_thread(result_without, tool, result, secrets)
        raise clear  # out here it does not lead to what it stands for

    async def carried_out(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Let the body run within its own time."""
        within = asyncio.timeout(tool.timeout_s)
        try:
            async with within:
                return await tool.run(ctx, arguments)
        except TimeoutError as error:
            if not within.expired():
                raise  # the body's own
            harmless = tool.effect in ("pure", "read")
            state = State.TIMEOUT_NO_EFFECT if harmless else State.OUTCOME_UNKNOWN
            raise Refused(state, f"{tool.name} did not end within {tool.timeout_s:g} s") from error

    async def lacks(self, tool: Tool[Any, Any], tenant: str) -> Refused | None:
        """Say which secret a tool lacks, before anybody is asked about it; None when it has all.

        A store that fails by itself has not said that one is missing.
        """
        if not tool.terms.secrets:
            return None
        try:
            await self._resolved(tool, tenant)
        except Refused as refused:
            return refused
        except Exception as error:  # noqa: BLE001 - a store of the team's own; the act asks it again
            log.warning("store of secrets failed", tool=tool.name, error=type(error).__name__)
        return None

    async def _resolved(self, tool: Tool[Any, Any], tenant: str) -> dict[str, str]:
        """Ask the store for as long as the body may take. Raises Refused and StoreHangs."""

        def read() -> dict[str, str]:
            return resolved(tool, tenant, self._secrets or open_secrets())

        within = asyncio.timeout(tool.timeout_s)
        try:
            async with within:
                return await ask_store(self._secrets, read)
        except TimeoutError as error:
            if not within.expired():
                raise  # the store's own
            said = f"the store of secrets did not answer within {tool.timeout_s:g} s"
            raise StoreHangs(said) from error


def _failed(error: Exception) -> str:
    return f"the store of secrets could not be asked ({type(error).__name__})"


class StoreHangs(Exception):
    """A store of secrets was asked and has not answered in time."""
