"""Decides when a process that ended on its own is started again. Pure: no clock, no process.

A process is always started again, later each time; what crashes LOOP_EXITS times within
LOOP_WINDOW_S is named as a crash loop and goes on with the longest delay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DELAY_S_MIN, DELAY_S_MAX = 0.5, 30.0
LOOP_EXITS, LOOP_WINDOW_S = 5, 60.0
assert DELAY_S_MIN <= DELAY_S_MAX < LOOP_WINDOW_S


@dataclass(frozen=True, slots=True)
class Restart:
    """Start again after so many seconds; `loop` says that it keeps crashing."""

    delay_s: float
    exits: int
    loop: bool


def after_exit(exits_s: Sequence[float], now_s: float) -> Restart:
    """Decide from the instants of all exits, the present one included."""
    recent = sum(1 for instant in exits_s if now_s - instant < LOOP_WINDOW_S)
    loop = recent >= LOOP_EXITS
    delay = DELAY_S_MAX if loop else min(DELAY_S_MIN * 2 ** (recent - 1), DELAY_S_MAX)
    return Restart(delay, recent, loop)
