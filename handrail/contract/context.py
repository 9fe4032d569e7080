"""What a handler may ask of the engine while it carries out one handoff.

A handler touches the world through its context only, so that the engine can record each step.
"""

import random
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar

from handrail.contract.passage import Passage
from handrail.contract.tool import Tool

P = ParamSpec("P")
R = TypeVar("R")

TURNS_COUNT_MAX = 8


class Context(Protocol):
    """The context of one invocation; worthless once its handler has returned.

    The number of a step is taken when its method is called, before anything is awaited: call the
    steps in an order that does not depend on time, then await them as you like.
    """

    @property
    def task_id(self) -> str:
        """The task that this invocation belongs to."""
        ...

    @property
    def tenant(self) -> str:
        """On whose behalf the task runs."""
        ...

    @property
    def invocation_id(self) -> str:
        """The id of the handoff being carried out; of a gather, derived from its fan-out."""
        ...

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        ...

    @property
    def deadline_ms(self) -> int:
        """When the task's time is over, in milliseconds since 1970 (UTC)."""
        ...

    @property
    def random(self) -> random.Random:
        """A generator seeded with the invocation, so that a re-run draws the same numbers."""
        ...

    def now(self) -> datetime:
        """Give the time of this invocation, in UTC."""
        ...

    def model(
        self,
        prompt: str,
        *,
        returns: type[R],
        tools: Sequence[Tool[..., Any]] = (),
        sources: Sequence[Passage] = (),
        turns_max: int = TURNS_COUNT_MAX,
    ) -> Awaitable[R]:
        """Ask the model for a `returns`: a pydantic model, or `str`.

        The engine runs the loop of tool calls, at most `turns_max` turns. Raises Refused
        (`output_invalid`) when the answer does not validate after two more tries, and ModelNeeded
        when no model is configured that can serve the call.
        """
        ...

    def call(self, tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Call a tool; raises Refused in one of the 23 states."""
        ...
