"""A clock that stands still until a test moves it.

Whoever sleeps on it wakes when its time has come, in the order of the times; nothing waits in
real time.
"""

import asyncio
import heapq
from itertools import count


class VirtualClock:
    """Time that moves only when `move_to` is called. Implements `handrail.runtime.clock.Clock`."""

    def __init__(self, now_ms: int) -> None:
        """Stand still at this time, in milliseconds since 1970 (UTC)."""
        self._now_ms = now_ms
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was moved that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due_ms = self._now_ms + max(1, round(seconds * 1000))
        heapq.heappush(self._sleepers, (due_ms, next(self._order), woken))
        await woken

    @property
    def next_ms(self) -> int | None:
        """When the next sleeper is to wake; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def move_to(self, now_ms: int) -> None:
        """Set the time and wake everybody whose time has come; it never goes back."""
        self._now_ms = max(self._now_ms, now_ms)
        while (due_ms := self.next_ms) is not None and due_ms <= self._now_ms:
            _, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)
