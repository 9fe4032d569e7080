"""Paces the calls to one provider by what the provider itself says: too many, wait so long.

Without a throttled answer nothing is held back, except by a rate that is configured. A throttled
answer halves the rate, at most once for the calls of one second, and its Retry-After freezes all
calls. The rate then grows evenly; RECOVERY_MS after the last throttled answer, or after the end of
the freeze if that is later, it is full again.
"""

from dataclasses import dataclass

from handrail.lane.bounds import PARK_AFTER_S
from handrail.lane.window import Window

RECOVERY_MS = 30_000
RATE_PER_S_MIN = 0.5
RATE_WINDOW_S = 5  #: over which the rate is measured that a first throttled answer halves
CUT_EVERY_MS = 1_000  #: one burst of refusals is one sign
FREEZE_MS_MAX = 300_000  #: then one call after the other finds out whether it still holds
WAIT_MS_MAX = int(PARK_AFTER_S * 1_000)  #: a longer wait reserves nothing: the work rests

assert CUT_EVERY_MS < RECOVERY_MS


@dataclass(slots=True)
class _Cut:
    """A lowered rate on its way back up."""

    rate_per_s: float  #: right after the cut
    full_per_s: float  #: where it was before, and where it goes
    cut_ms: int
    from_ms: int  #: when it begins to grow


class Limiter:
    """The limiter of one provider in one process."""

    def __init__(self, rate_per_s_max: float | None = None) -> None:
        """Start at full rate; None is a rate without a limit."""
        assert rate_per_s_max is None or rate_per_s_max > 0
        self._rate_per_s_max = rate_per_s_max
        self._cut: _Cut | None = None
        self._frozen_until_ms = 0
        self._next_ms = 0.0  # when the next place is free
        self._sent = Window(RATE_WINDOW_S, 1)

    def reserve(self, now_ms: int) -> int:
        """Take the next place and say in how many milliseconds it is; 0 is now.

        More than WAIT_MS_MAX reserves nothing: rest for so long and ask again. Whoever has
        waited looks at `frozen_ms` once more before the call.
        """
        rate = self._rate_per_s(now_ms)
        at_ms = max(float(now_ms), float(self._frozen_until_ms))
        if rate is not None:
            at_ms = max(at_ms, self._next_ms)
        wait_ms = -int(-(at_ms - now_ms) // 1)
        if wait_ms > WAIT_MS_MAX:
            return wait_ms
        if rate is not None:
            self._next_ms = at_ms + 1_000 / rate
        self._sent.add(0, now_ms)
        return wait_ms

    def frozen_ms(self, now_ms: int) -> int:
        """For how long nobody may call, whatever was reserved before."""
        return max(0, self._frozen_until_ms - now_ms)

    def throttled(self, now_ms: int, retry_after_ms: int | None = None) -> None:
        """Take in a throttled answer, with the wait that it asks for."""
        freeze_ms = min(retry_after_ms or 0, FREEZE_MS_MAX)
        self._frozen_until_ms = max(self._frozen_until_ms, now_ms + freeze_ms)
        rate = self._rate_per_s(now_ms)
        cut = self._cut
        if cut is not None and now_ms - cut.cut_ms < CUT_EVERY_MS:
            cut.from_ms = max(now_ms, self._frozen_until_ms)
            return
        before = self._measured_per_s(now_ms) if rate is None else rate
        full = before if cut is None else cut.full_per_s
        lowered = max(before / 2, RATE_PER_S_MIN)
        self._cut = _Cut(lowered, max(full, lowered), now_ms, max(now_ms, self._frozen_until_ms))
        self._next_ms = max(self._next_ms, now_ms + 1_000 / lowered)

    def _rate_per_s(self, now_ms: int) -> float | None:
        cut = self._cut
        if cut is None:
            return self._rate_per_s_max
        grown = max(0, now_ms - cut.from_ms) / RECOVERY_MS
        if grown >= 1:
            self._cut = None
            self._next_ms = min(self._next_ms, float(now_ms))
            return self._rate_per_s_max
        return cut.rate_per_s + (cut.full_per_s - cut.rate_per_s) * grown

    def _measured_per_s(self, now_ms: int) -> float:
        # The second that has just begun counts for as much of it as is over.
        covered_s = RATE_WINDOW_S - 1 + now_ms % 1_000 / 1_000
        return self._sent.totals(now_ms)[0] / covered_s
