"""How long a lane waits before it opens anew: longer after each trouble, then short again. Pure.

A trouble that comes at once again is most likely the same one. One that comes after the lane has
worked for a while is another one, whose first cure is to open at once.
"""

from typing import Final

DELAY_S_MIN: Final = 0.1
DELAY_S_MAX: Final = 2.0
ANOTHER_AFTER_S: Final = 30.0  #: a trouble after so long is another one
assert DELAY_S_MIN <= DELAY_S_MAX < ANOTHER_AFTER_S


class Reopening:
    """The delays of one lane, in the order of its troubles."""

    def __init__(self) -> None:
        """There was no trouble yet."""
        self._next_s = DELAY_S_MIN

    def delay_s(self, lasted_s: float) -> float:
        """Give the seconds to wait after a trouble that came `lasted_s` after the last opening."""
        delay_s = DELAY_S_MIN if lasted_s >= ANOTHER_AFTER_S else self._next_s
        self._next_s = min(delay_s * 2, DELAY_S_MAX)
        return delay_s
