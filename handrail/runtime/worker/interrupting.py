"""Interrupts handlers of one lane that are to end: past their deadline, or of a canceled task.

Guarantee: a handler that goes on although it was cancelled is cancelled again every `AGAIN_S`, so
that one swallowed cancellation keeps no key and no place for ever. It has that long to clean up. An
act that it has begun is not cut off a second time: that ends within its own time.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import structlog

from handrail.lane.invocation import Invocation

if TYPE_CHECKING:
    from handrail.runtime.worker.execution import Execution
    from handrail.runtime.worker.place import WorkerPlace

AGAIN_S: Final = 5.0  #: between two cancellations of a handler that goes on

log = structlog.get_logger("handrail.agent")


class Interrupting:
    """The cancellations of one open lane's handlers."""

    def __init__(
        self,
        worker: "WorkerPlace",
        execution: "Execution",
        handlers: "Mapping[Invocation, asyncio.Task[None]]",
    ) -> None:
        """Cancel what runs in `execution`, by the handlers' tasks."""
        self.expired: set[Invocation] = set()  #: which were interrupted at their deadline
        self._worker = worker
        self._execution = execution
        self._handlers = handlers
        self._told_ms: dict[Invocation, int] = {}  # when each was cancelled last

    def at_deadline(self, invocation: Invocation) -> None:
        """Cancel a handler whose time is over, and the act that it is in the middle of."""
        if invocation in self._execution.running:
            self.expired.add(invocation)
            self._tell(invocation)

    def between_acts(self, invocation: Invocation) -> None:
        """Cancel a handler, unless it is in the middle of an act."""
        running = self._execution.running.get(invocation)
        if running is not None and not running[1].acting:
            self._tell(invocation)

    def forget(self, invocation: Invocation) -> None:
        """Its handler has ended."""
        self.expired.discard(invocation)
        self._told_ms.pop(invocation, None)

    def _tell(self, invocation: Invocation) -> None:
        """Cancel it, unless it was just cancelled or an act of it is being cut off."""
        _, steps = self._execution.running[invocation]
        now_ms, told_ms = self._worker.clock.now_ms(), self._told_ms.get(invocation)
        if told_ms is not None:
            if now_ms - told_ms < AGAIN_S * 1000 or steps.acting:
                return
            log.warning(
                "a handler goes on although it was cancelled",
                agent=self._worker.agent.name,
                task=invocation.task_id,
            )
        self._told_ms[invocation] = now_ms
        self._handlers[invocation].cancel()
