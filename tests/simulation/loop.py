"""An event loop without a machine: time jumps to the next timer, and processes live inside it.

Every callback belongs to the simulated process in whose context it was asked for. A process can be
killed between any two of its callbacks, and what it had asked for never happens; or frozen, and it
happens once it is thawed, in its order. Callbacks of one process keep asyncio's order; which
process comes first follows from when things arrive. Nothing here waits, and nothing reads a clock.
"""

import asyncio
import heapq
import time
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any

WIND_UP_S = 60.0  #: simulated seconds in which what was cancelled ends, before it is again
CALLBACKS_COUNT_MAX = 400_000  #: of one schedule; more is a schedule that goes in circles


class NeverEnds(AssertionError):
    """A schedule did not come to its end."""


@dataclass(slots=True, eq=False)
class SimProcess:
    """One simulated process; the first one stands for the world and is never harmed."""

    name: str
    alive: bool = True
    frozen: bool = False
    callbacks_count: int = 0  #: that it has run
    interrupt_at: int = -1  #: before which of its callbacks `interrupt` is called
    interrupt: Callable[[], None] | None = None
    frozen_at_s: float = 0.0
    missed_s: float = 0.0  #: for how long it was frozen so far
    held: deque["Ready"] = field(default_factory=lambda: deque[Ready]())


Ready = tuple[events.Handle, SimProcess]

WORLD = SimProcess("world")
_process: ContextVar[SimProcess] = ContextVar("process", default=WORLD)


def current_process() -> SimProcess:
    """Give the process whose code runs now."""
    return _process.get()


class SimFuture(asyncio.Future[Any]):
    """A future whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, loop: "SimLoop") -> None:
        """Take this number for a hash."""
        self.number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        """The same in every run."""
        return self.number


class SimTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, work: Coroutine[Any, Any, Any], **given: Any) -> None:
        """Take this number for a hash."""
        self.number = number
        super().__init__(work, **given)

    def __hash__(self) -> int:
        """The same in every run."""
        return self.number


class SimLoop(asyncio.AbstractEventLoop):
    """Runs until a condition holds. `rng` decides which of two timers of one time comes first."""

    def __init__(self, rng: Random) -> None:
        """Begin at time zero with nothing to do."""
        self._rng = rng
        self._ready: deque[Ready] = deque()
        self._timers: list[tuple[float, float, int, events.TimerHandle, SimProcess]] = []
        self._timers_count = self._futures_count = 0
        self._now_s = 0.0
        self._world: Context = copy_context()
        self._processes: list[SimProcess] = []
        self._dropped: list[Ready] = []  # what was to happen in processes that were dead
        self.callbacks_count = 0
        self.tasks: list[asyncio.Task[Any]] = []  #: all of them, so that none is collected
        self.clocks_stop = False  #: a planted fault: the clock of a frozen process stands still
        self.complaints: list[str] = []  #: what callbacks raised

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now_s

    def get_debug(self) -> bool:
        """Never: it costs time."""
        return False

    def is_running(self) -> bool:
        """It runs whenever somebody can ask."""
        return True

    def is_closed(self) -> bool:
        """It is never closed, only forgotten."""
        return False

    def create_future(self) -> "asyncio.Future[Any]":
        """Make a future."""
        self._futures_count += 1
        return SimFuture(self._futures_count, self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[Any]":
        """Start a task in the process that asks for it."""
        number = len(self.tasks)
        task = SimTask(number, coro, loop=self, name=name or f"task {number}", context=context)
        self.tasks.append(task)
        return task

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> events.Handle:
        """Queue a callback behind all that is ready."""
        context = context if context is not None else copy_context()
        handle = events.Handle(callback, args, self, context)
        self._ready.append((handle, context.get(_process, WORLD)))
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> events.TimerHandle:
        """Queue a callback for a time."""
        context = context if context is not None else copy_context()
        handle = events.TimerHandle(when, callback, args, self, context)
        self._timers_count += 1
        process = context.get(_process, WORLD)
        entry = (when, self._rng.random(), self._timers_count, handle, process)
        heapq.heappush(self._timers, entry)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> events.TimerHandle:
        """Queue a callback for some seconds from now."""
        return self.call_at(self._now_s + max(0.0, delay), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a callback raised; what a lost task raised is judged by who owns it."""
        if "handle" in context:
            self.complaints.append(f"{context['message']}: {context.get('exception')!r}")

    # ---- what a schedule asks for

    def in_world(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Let something happen outside all processes, some seconds from now."""
        self.call_at(self._now_s + delay_s, callback, context=self._world)

    def spawn(self, process: SimProcess, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Start the first task of a process."""
        self._processes.append(process)
        context = self._world.copy()
        context.run(_process.set, process)
        return self.create_task(work, name=process.name, context=context)

    async def pause(self, seconds: float) -> None:
        """Let this much time pass for who awaits it."""
        woken = self.create_future()
        timer = self.call_at(self._now_s + seconds, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()

    def kill(self, process: SimProcess) -> None:
        """Let nothing of a process happen any more."""
        process.alive = False
        self._dropped.extend(process.held)
        process.held.clear()

    def freeze(self, process: SimProcess) -> None:
        """Let nothing of a process happen until it is thawed."""
        process.frozen, process.frozen_at_s = True, self._now_s

    def thaw(self, process: SimProcess) -> None:
        """Let happen what has waited, in its order."""
        if process.frozen:
            process.missed_s += self._now_s - process.frozen_at_s
        process.frozen = False
        self._ready.extend(process.held)
        process.held.clear()

    def run_until(self, done: Callable[[], bool], *, until_s: float) -> bool:
        """Run until `done` says so; False when the time is over or nothing is left to do.

        `done` is asked between two times, never in the middle of what happens at once.
        """
        with self._running():
            while True:
                self._run_ready()
                if done():
                    return True
                if not self._step_time(until_s):
                    self._now_s = max(self._now_s, until_s)
                    return False

    def wind_up(self) -> None:
        """Cancel every task and let it end, so that nothing of this schedule outlives it."""
        with self._running():
            for _ in range(50):
                left = [task for task in self.tasks if not task.done()]
                if not left:
                    return
                for task in left:
                    task.cancel()
                for process in self._processes:
                    process.alive, process.interrupt = True, None
                    self.thaw(process)
                # A task that was to be woken when its process died would never hear of its end.
                self._ready.extend(self._dropped)
                self._dropped.clear()
                self._run_ready()
                until_s = self._now_s + WIND_UP_S
                while self._timers and self._step_time(until_s):
                    self._run_ready()
        names = ", ".join(task.get_name() for task in self.tasks if not task.done())
        raise NeverEnds(f"still running after the schedule: {names}")

    # ---- inside

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            handle, process = ready.popleft()
            if handle._cancelled:
                continue
            if not process.alive:
                self._dropped.append((handle, process))
                continue
            if process.frozen:
                process.held.append((handle, process))
                continue
            process.callbacks_count += 1
            if process.callbacks_count == process.interrupt_at and process.interrupt is not None:
                process.interrupt()
                ready.appendleft((handle, process))
                continue
            self.callbacks_count += 1
            if self.callbacks_count > CALLBACKS_COUNT_MAX:
                raise NeverEnds(f"{CALLBACKS_COUNT_MAX} callbacks and no end")
            handle._run()

    def _step_time(self, until_s: float) -> bool:
        timers = self._timers
        while timers and timers[0][3]._cancelled:
            heapq.heappop(timers)
        if not timers or timers[0][0] > until_s:
            return False
        self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            *_, handle, process = heapq.heappop(timers)
            self._ready.append((handle, process))
        return True

    def _monotonic(self) -> float:
        return self._now_s - (current_process().missed_s if self.clocks_stop else 0.0)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Be the loop that runs, on a machine whose clock is ours."""
        clock, before = time.monotonic, events._get_running_loop()
        events._set_running_loop(self)
        time.monotonic = self._monotonic
        try:
            yield
        finally:
            time.monotonic = clock
            events._set_running_loop(before)


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
