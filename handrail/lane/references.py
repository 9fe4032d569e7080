"""Which references an intake partition has seen lately, so that a repeat is known as one.

Whether a record is a repeat depends on nothing but the 24 hours of its partition before it: each
sighting, a repeat too, begins the day anew. So a successor that reads one day back comes to the
same verdicts.
"""

from collections import deque

REPEAT_WITHIN_MS = 24 * 3_600_000


class SeenReferences:
    """Task ids by when and in which record they were seen last, for 24 hours of record time."""

    def __init__(self) -> None:
        """Begin with nothing; feed it the partition's last day."""
        self._last: dict[str, tuple[int, str]] = {}  # task id → (time, ce_id)
        self._order: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        """How many references are known."""
        return len(self._last)

    def take(self, task_id: str, ce_id: str, time_ms: int) -> bool:
        """False when this task was seen in another record within the last 24 hours."""
        self._forget(time_ms - REPEAT_WITHIN_MS)
        known = self._last.get(task_id)
        self._last[task_id] = (time_ms, ce_id)
        self._order.append((time_ms, task_id))
        if known is None or time_ms - known[0] >= REPEAT_WITHIN_MS:
            return True
        if known[1] == ce_id:
            return True
        # The record that was carried out stays the one that may come again.
        self._last[task_id] = (time_ms, known[1])
        return False

    def _forget(self, before_ms: int) -> None:
        while self._order and self._order[0][0] <= before_ms:
            time_ms, task_id = self._order.popleft()
            known = self._last.get(task_id)
            if known is not None and known[0] == time_ms:
                del self._last[task_id]
