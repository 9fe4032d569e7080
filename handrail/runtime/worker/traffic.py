"""Lets a few transactions of a process be under way at a time, so that the others gather.

Each transaction costs this process and the broker about the same whatever it holds, and a process
has dozens of lanes. Where all commit at once what little they have, most of two processors goes
into transactions of one handoff. So a lane that finds enough of them under way waits for its turn,
and what its handlers end meanwhile goes into the same transaction.
Guarantees: nobody waits while fewer are under way; turns are given in the order of asking; nobody
waits for longer than a few transactions have lately taken, whatever has become of those before;
whoever no longer waits leaves nothing behind.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

UNDER_WAY_COUNT_MAX = 3  #: beyond it a transaction waits for its turn
WAIT_TIMES_MAX = 3  #: as long as so many transactions one after the other
WAIT_S_MAX = 0.25  #: even where transactions take long
NEWEST_SHARE = 0.1  #: of the newest transaction, in what one usually takes


class Traffic:
    """The transactions of one process. It belongs to the event loop's thread."""

    def __init__(self, count_max: int = UNDER_WAY_COUNT_MAX) -> None:
        """Begin with none under way."""
        self.under_way_count = 0
        self._count_max = count_max
        self._usual_s = 0.0
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def waiting_count(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and have it for as long as the body takes."""
        if self.under_way_count < self._count_max:
            self.under_way_count += 1
        else:
            await self._wait()
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            yield
        finally:
            self._usual_s += NEWEST_SHARE * (clock() - began_s - self._usual_s)
            self._leave()

    async def _wait(self) -> None:
        """Wait until a turn is given, or for long enough to take one."""
        loop = asyncio.get_running_loop()
        called: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(called)
        wait_s = min(WAIT_S_MAX, WAIT_TIMES_MAX * self._usual_s)
        alarm = loop.call_later(wait_s, _answer, called)
        try:
            if not await called:
                self.under_way_count += 1
        except asyncio.CancelledError:
            if called.done() and not called.cancelled() and called.result():
                self._leave()  # its turn was given to one that does not come any more
            raise
        finally:
            alarm.cancel()
            # Turns may not be given for as long as the broker is slow: it takes itself out.
            with suppress(ValueError):
                self._waiting.remove(called)

    def _leave(self) -> None:
        """Give a turn back, and on to the first that still waits for one."""
        self.under_way_count -= 1
        while self._waiting and self.under_way_count < self._count_max:
            called = self._waiting.popleft()
            if not called.done():
                self.under_way_count += 1
                called.set_result(True)


def _answer(waiting: "asyncio.Future[bool]") -> None:
    if not waiting.done():
        waiting.set_result(False)
