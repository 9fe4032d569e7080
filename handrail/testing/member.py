"""One process of one agent, as a test has it: a real one in all but its memory of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.lane.retry import QUICK_ATTEMPTS_MAX, Tries
from handrail.runtime.failpoint import Countdown, Moment
from handrail.runtime.worker.process import AgentProcess

if TYPE_CHECKING:
    from handrail.runtime.memory_view import MemoryView

POLL_S = 0.002
DRAIN_S = 5.0


def quick_at_once(tries: Tries) -> float:
    """Let the quick tries follow without time passing; every later one waits for `advance`."""
    return 0.0 if tries.total < QUICK_ATTEMPTS_MAX else 0.5


@dataclass(slots=True, eq=False)
class KillPoint:
    """Ends a process when it comes to a moment; implements `FailPoints`."""

    end: Callable[[], None]
    countdown: Countdown | None = None
    reached_it: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, end: Callable[[], None], at: str | None) -> "KillPoint":
        """End it by `end` when it comes to this moment; None: nowhere yet."""
        return cls(end, None if at is None else Countdown.of(at))

    def wants(self, moment: Moment) -> bool:
        """Say whether the test waits for it."""
        return self.countdown is not None and moment is self.countdown.moment

    async def reached(self, moment: Moment, step: str = "") -> None:
        """End the process there: what would have followed never happens."""
        self.struck(moment, step)
        if self.reached_it.is_set():
            await asyncio.Event().wait()

    def struck(self, moment: Moment, step: str = "") -> None:
        """End the process there, within a transaction that is never decided."""
        if self.countdown is not None and self.countdown.runs_out(moment, step):
            self.end()
            self.reached_it.set()


@dataclass(slots=True, eq=False)
class Member:
    """A running process of an agent."""

    agent: Agent[..., Any]
    bus: Bus
    process: AgentProcess
    kill_point: KillPoint
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    running: "asyncio.Task[None] | None" = None

    async def begin(self, within_s: float) -> bool:
        """Join, and wait until every partition that the group gave is open; False if it died."""
        await self.process.start()
        self.running = asyncio.create_task(
            self.process.run(self.stop), name=f"process of {self.agent.name}"
        )
        async with asyncio.timeout(within_s):
            while not (self.process.is_ready or self.kill_point.reached_it.is_set()):
                if self.running.done():
                    await self.running
                await asyncio.sleep(POLL_S)
        return not self.kill_point.reached_it.is_set()

    async def end(self) -> None:
        """Drain and leave in order. Raises what had ended it before."""
        self.stop.set()
        if self.running is not None:
            await self.running
        await self.bus.close()

    async def drop(self) -> None:
        """Let go at once, committing nothing more."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        await self.process.close()
        await self.bus.close()

    @property
    def view(self) -> "MemoryView | None":
        """What it knows of memory, if its agent may read any and it was not killed."""
        return None if self.kill_point.reached_it.is_set() else self.process.view

    @property
    def member_id(self) -> str | None:
        """Who it is in its group."""
        return self.process.status()[0].member_id

    def in_words(self) -> str:
        """Say what it is doing."""
        status = self.process.status()[0]
        lanes = sorted(set(status.partitions.values())) or ["no partition"]
        trouble = f", {status.trouble}" if status.trouble else ""
        return (
            f"{status.agent}: {status.running} running, {status.waiting} waiting,"
            f" {status.finished} finished, {status.dead} dead ({', '.join(lanes)}{trouble})"
        )
