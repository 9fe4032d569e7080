"""Notices that a process stood still: it was stopped, its machine slept, or code held its loop up.

Guarantee: whoever asks before and after everything that may take long hears of every silence once.
"""

import time
from collections.abc import Callable

SILENCE_S_MAX = 3.0  #: half of the shortest session; after a longer silence nothing is believed


def _machine_s() -> float:
    return time.monotonic()


class Silence:
    """Looks at the clock each time that it is asked."""

    def __init__(self, seconds: Callable[[], float] = _machine_s) -> None:
        """Begin now, by this clock."""
        self._seconds = seconds
        self._heard_s = seconds()

    def ended(self) -> float | None:
        """Give how long it was since the last look, when that is too long; None otherwise."""
        now_s = self._seconds()
        silent_s, self._heard_s = now_s - self._heard_s, now_s
        return silent_s if silent_s > SILENCE_S_MAX else None
