"""Which references an intake partition has taken in lately, so that a repeat is seen as one.

The set follows from the partition itself: reading its last day again gives the same set.
"""

from collections import deque

REPEAT_WITHIN_MS = 24 * 3_600_000


class SeenReferences:
    """Task ids by the time at which they were first taken in, for 24 hours of record time."""

    def __init__(self) -> None:
        """Begin with nothing; feed it the partition's last day."""
        self._first: dict[str, tuple[int, str]] = {}  # task id → (time, ce_id)
        self._order: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        """How many references are known."""
        return len(self._first)

    def take(self, task_id: str, ce_id: str, time_ms: int) -> bool:
        """False when this task was taken in from another record within the last 24 hours."""
        self._forget(time_ms - REPEAT_WITHIN_MS)
        known = self._first.get(task_id)
        if known is not None and time_ms - known[0] < REPEAT_WITHIN_MS:
            return known[1] == ce_id
        self._first[task_id] = (time_ms, ce_id)
        self._order.append((time_ms, task_id))
        return True

    def _forget(self, before_ms: int) -> None:
        while self._order and self._order[0][0] <= before_ms:
            time_ms, task_id = self._order.popleft()
            known = self._first.get(task_id)
            if known is not None and known[0] == time_ms:
                del self._first[task_id]
