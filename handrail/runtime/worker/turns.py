"""Gives the lanes of a process their turns to start handlers, high priority before the rest.

Only a process that serves an inbox of high priority has it; elsewhere lanes start what they can at
once. Guarantees: starts are weighed as `lane/weighing.py` says, over all lanes of the process;
lanes of one priority take turns; after a few starts whatever else is ready runs, so that what
arrives meanwhile is weighed as well.
"""

import asyncio
from typing import Protocol

from handrail.lane.weighing import Weighing, Work
from handrail.wire.priority import Priority

STARTS_AT_ONCE = 5  #: four of high priority and a normal one


class Starter(Protocol):
    """A lane, as far as its starts go."""

    @property
    def priority(self) -> Priority:
        """Of its inbox."""
        ...

    @property
    def waits_for_turn(self) -> bool:
        """True while something of it would start if there were a place."""
        ...

    @property
    def has_place(self) -> bool:
        """True while one more of it may run."""
        ...

    @property
    def handlers_count(self) -> int:
        """How many of it run."""
        ...

    def start_one(self) -> bool:
        """Start the next one; False when there is none."""
        ...


class Turns:
    """The turns of one process. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        """Know no lane yet."""
        self._weighing = Weighing()
        self._lanes: dict[Starter, None] = {}
        self._asking: dict[Priority, dict[Starter, None]] = {one: {} for one in Priority}
        self._next: asyncio.Handle | None = None

    def ask(self, lane: Starter) -> None:
        """Let a lane start what it can in its turn; to be asked whenever that may have changed."""
        self._lanes[lane] = None
        self._asking[lane.priority][lane] = None
        self._soon()

    def leave(self, lane: Starter) -> None:
        """Forget a lane that is closed; others no longer wait for it."""
        self._lanes.pop(lane, None)
        self._asking[lane.priority].pop(lane, None)
        self._soon()

    def _soon(self) -> None:
        if self._next is None and any(self._asking.values()):
            self._next = asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        self._next = None
        for _ in range(STARTS_AT_ONCE):
            lane = self._whose_turn()
            if lane is None:
                return  # until a lane asks again, as each does when something of it has ended
            if lane.start_one():
                self._weighing.started(lane.priority)
            asking = self._asking[lane.priority]
            asking.pop(lane, None)
            asking[lane] = None  # behind the others of its priority
        self._soon()

    def _whose_turn(self) -> Starter | None:
        first: dict[Priority, Starter | None] = {}
        work: dict[Priority, Work] = {}
        for priority, asking in self._asking.items():
            for lane in [one for one in asking if not one.waits_for_turn]:
                del asking[lane]
            first[priority] = next((one for one in asking if one.has_place), None)
            running = sum(one.handlers_count for one in self._lanes if one.priority is priority)
            work[priority] = Work(bool(asking), first[priority] is not None, running)
        turn = self._weighing.turn(work[Priority.HIGH], work[Priority.NORMAL])
        return None if turn is None else first[turn]
