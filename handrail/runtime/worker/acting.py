"""Does what steps ask for, without a record: the seam at which a test answers instead."""

import asyncio
from typing import Any, TypeVar

from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool, ToolContext
from handrail.models.port import JsonObject, Model, ModelReply, ModelRequest

R = TypeVar("R")


class StepRunner:
    """Does what steps ask for, without a record: the seam at which a test answers instead."""

    def __init__(self, model: Model) -> None:
        """Use this model."""
        self.model = model

    async def model_turn(self, request: ModelRequest) -> ModelReply:
        """Have the model take one turn."""
        return await self.model.respond(request)

    async def tool(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Carry a tool out once, within its own time.

        Raises Refused; a tool that does not end in time may still have had its effect.
        """
        try:
            async with asyncio.timeout(tool.timeout_s):
                return await tool.run(ctx, arguments)
        except TimeoutError as error:
            harmless = tool.effect in ("pure", "read")
            state = State.TIMEOUT_NO_EFFECT if harmless else State.OUTCOME_UNKNOWN
            raise Refused(state, f"{tool.name} did not end within {tool.timeout_s:g} s") from error
