"""What a handler gets as `ctx` while it runs in a lane.

Model and tool calls act here without a record: a handler that was cut off by a kill runs again
from its start. Their numbers are taken when the method is called, so that a record can be kept
under them.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from handrail.contract.failure import Refused, State
from handrail.contract.passage import Passage
from handrail.contract.tool import Tool, ToolContext
from handrail.models.loop import ModelCall, converse, model_call
from handrail.models.port import (
    JsonObject,
    Model,
    ModelReply,
    ModelRequest,
    Usage,
)
from handrail.wire.envelope import Envelope

P = ParamSpec("P")
R = TypeVar("R")

TURNS_COUNT_MAX = 8


@dataclass(slots=True)
class Spent:
    """What the model calls of one invocation have used."""

    model_calls: int = 0
    usage: Usage = field(default_factory=Usage)


class StepRunner:
    """Carries out what a handler asks for. The seam at which steps are recorded."""

    def __init__(self, model: Model, spent: Spent) -> None:
        """Use this model; add up what it uses."""
        self._model = model
        self._spent = spent

    async def model_turn(self, request: ModelRequest) -> ModelReply:
        """Have the model take one turn."""
        reply = await self._model.respond(request)
        self._spent.model_calls += 1
        self._spent.usage = self._spent.usage + reply.usage
        return reply

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


class RunContext:
    """The context of one invocation in a lane. Keeps what `handrail.Context` promises."""

    def __init__(
        self, invocation_id: str, envelope: Envelope, now_ms: int, steps: StepRunner
    ) -> None:
        """Everything that the context knows comes from the handoff itself."""
        self._invocation_id = invocation_id
        self._envelope = envelope
        self._now_ms = now_ms
        self._steps = steps
        self._steps_count = 0
        self.random = random.Random(invocation_id)  # noqa: S311 - repeatable, not secret

    @property
    def task_id(self) -> str:
        """The task that this invocation belongs to."""
        return self._envelope.task_id

    @property
    def tenant(self) -> str:
        """On whose behalf the task runs."""
        return self._envelope.tenant

    @property
    def invocation_id(self) -> str:
        """The id of the handoff being carried out; of a gather, derived from its fan-out."""
        return self._invocation_id

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return 1

    @property
    def deadline_ms(self) -> int:
        """When the task's time is over, in milliseconds since 1970 (UTC)."""
        assert self._envelope.deadline_ms is not None, "admission sets a deadline"
        return self._envelope.deadline_ms

    def now(self) -> datetime:
        """Give the time of this invocation, in UTC: when its handler started."""
        return datetime.fromtimestamp(self._now_ms / 1000, UTC)

    def model(
        self,
        prompt: str,
        *,
        returns: type[R],
        tools: Sequence[Tool[..., Any]] = (),
        sources: Sequence[Passage] = (),
        turns_max: int = TURNS_COUNT_MAX,
    ) -> Awaitable[R]:
        """Ask the model for a `returns`; the engine runs the loop of tool calls."""
        step = self._next_step()
        call = model_call(
            prompt, returns=returns, tools=tools, sources=sources, turns_max=turns_max
        )
        by_name = {tool.name: tool for tool in tools}
        return self._converse(call, by_name, step)

    def call(self, tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Call a tool; raises Refused in one of the 23 states."""
        step = self._next_step()
        return self._call(tool, tool.bind(*args, **kwargs), step, 0)

    async def _converse(self, call: ModelCall[R], tools: dict[str, Tool[..., Any]], step: int) -> R:
        count = 0

        async def do_tool(name: str, arguments: JsonObject) -> bytes:
            nonlocal count
            count += 1
            tool = tools[name]
            result = await self._call(tool, tool.checked(arguments), step, count)
            return tool.result_as_json(result)

        return await converse(call, self._steps.model_turn, do_tool)

    async def _call(self, tool: Tool[Any, R], arguments: JsonObject, step: int, index: int) -> R:
        about = f"{self._invocation_id}/0/{step}/{index}"
        ctx = ToolContext(
            idem_key=hashlib.sha256(about.encode()).hexdigest(),
            task_id=self.task_id,
            tenant=self.tenant,
            deadline_ms=self.deadline_ms,
        )
        return await self._steps.tool(tool, ctx, arguments)

    def _next_step(self) -> int:
        self._steps_count += 1
        return self._steps_count
