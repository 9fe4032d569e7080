"""Decides how many dead letters are sent back together are sent: a few first, then at a rate.

Guarantees: nothing but the first few is sent before each of these has ended well; never more than
the rate; nothing more once over a fifth of those whose end is known have failed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CANARY_COUNT: Final = 1  #: sent first, and waited for
RATE_PER_S: Final = 10.0
RATE_PER_S_MIN, RATE_PER_S_MAX = 0.01, 1_000.0
FAILED_SHARE_MAX: Final = 0.2  #: of those whose end is known
JUDGED_COUNT_MIN: Final = 5  #: fewer say nothing while others have yet to end
CANARY_WAIT_S: Final = 60.0  #: for the first few; what takes longer is looked at by a person
LAST_WAIT_S: Final = 60.0  #: for those that were sent last

assert RATE_PER_S_MIN <= RATE_PER_S <= RATE_PER_S_MAX
assert 0 < FAILED_SHARE_MAX < 1


class End(StrEnum):
    """How one that was sent back has fared so far."""

    OPEN = "open"
    WAITING = "waiting"  #: for a person, who may take days: nothing is gained by waiting along
    WELL = "well"
    FAILED = "failed"


class Halted(StrEnum):
    """Why a wave sends nothing more."""

    DONE = "done"  #: all were sent, and each has ended, waits for a person, or was waited for
    CANARY_FAILED = "canary_failed"
    CANARY_WAITING = "canary_waiting"  #: one of the first few waits for a person
    CANARY_SLOW = "canary_slow"  #: the first few have not ended in a minute
    TOO_MANY_FAILED = "too_many_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a wave goes."""

    canary: int = CANARY_COUNT  #: 0: none
    rate_per_s: float = RATE_PER_S


@dataclass(frozen=True, slots=True)
class SendNext:
    """Send so many more now; 0: look again soon."""

    count: int


class Wave:
    """One wave of `total` dead letters. Not thread-safe."""

    def __init__(self, total: int, pace: Pace) -> None:
        """Have sent none."""
        self._total = total
        self._canary = min(pace.canary, total)
        self._rate_per_s = pace.rate_per_s
        self._sent = 0
        self._last_sent_s = 0.0
        self._opened_s: float | None = None  # when the rest began

    def next(self, ends: Mapping[int, End], now_s: float) -> SendNext | Halted:
        """Say what to do now; `ends` has the end of each that was sent, by its number."""
        failed = sum(end is End.FAILED for end in ends.values())
        still_open = sum(end is End.OPEN for end in ends.values())
        waiting = sum(end is End.WAITING for end in ends.values())
        known = len(ends) - still_open - waiting
        too_many = failed > FAILED_SHARE_MAX * known
        if too_many and (known >= JUDGED_COUNT_MIN or not still_open):
            in_canary = self._sent <= self._canary < self._total
            return Halted.CANARY_FAILED if in_canary else Halted.TOO_MANY_FAILED
        if self._sent < self._canary:
            return SendNext(self._canary - self._sent)
        if self._sent == self._canary < self._total and still_open:
            slow = now_s - self._last_sent_s >= CANARY_WAIT_S
            return Halted.CANARY_SLOW if slow else SendNext(0)
        if self._sent == self._canary < self._total and waiting:
            return Halted.CANARY_WAITING
        if self._sent < self._total:
            return SendNext(self._due(now_s))
        over = not still_open or now_s - self._last_sent_s >= LAST_WAIT_S
        return Halted.DONE if over else SendNext(0)

    def sent(self, count: int, now_s: float) -> None:
        """Note that so many were sent."""
        self._sent += count
        if count:
            self._last_sent_s = now_s

    def _due(self, now_s: float) -> int:
        if self._opened_s is None:
            self._opened_s = now_s
        allowed = 1 + int((now_s - self._opened_s) * self._rate_per_s)
        return max(0, min(self._total - self._sent, allowed - (self._sent - self._canary)))
