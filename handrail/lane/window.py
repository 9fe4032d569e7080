"""Counts what happened within the last seconds, in a ring of one bucket for each second.

Guarantees: memory does not grow with the number of events; what is older than the span is never
counted, what is younger than the span less one second always is. A clock that goes back counts
as one that stands still.
"""

from collections.abc import Sequence

BUCKET_MS = 1_000


class Window:
    """Events of a few kinds, numbered from 0, within a sliding span."""

    def __init__(self, span_s: int, kinds_count: int) -> None:
        """Start empty."""
        assert span_s > 0
        self._span = span_s
        self._rings = [[0] * span_s for _ in range(kinds_count)]
        self._totals = [0] * kinds_count
        self._newest: int | None = None  # the second that was counted in last

    def add(self, kind: int, now_ms: int) -> None:
        """Count one event of this kind."""
        second = self._turn(now_ms)
        self._rings[kind][second % self._span] += 1
        self._totals[kind] += 1

    def totals(self, now_ms: int) -> Sequence[int]:
        """How many events of each kind are within the span."""
        self._turn(now_ms)
        return tuple(self._totals)

    def leaves_ms(self, kind: int, now_ms: int) -> int | None:
        """When the oldest event of this kind leaves the span; None when there is none."""
        newest = self._turn(now_ms)
        ring = self._rings[kind]
        for second in range(newest - self._span + 1, newest + 1):
            if ring[second % self._span]:
                return (second + self._span) * BUCKET_MS
        return None

    def clear(self) -> None:
        """Forget everything."""
        for ring in self._rings:
            ring[:] = [0] * self._span
        self._totals = [0] * len(self._totals)

    def _turn(self, now_ms: int) -> int:
        second = now_ms // BUCKET_MS
        if self._newest is None or second - self._newest >= self._span:
            self.clear()
            self._newest = second
        while self._newest < second:
            self._newest += 1
            for kind, ring in enumerate(self._rings):
                self._totals[kind] -= ring[self._newest % self._span]
                ring[self._newest % self._span] = 0
        return self._newest
