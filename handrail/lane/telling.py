"""When the consumer group of a lane is told how far the lane has come.

Pure. The journal has it already, so the group may learn it later, and each time costs two requests.
Guarantees: what ended last is told within a second when nothing ends behind it, and within five
seconds whatever follows.
"""

AFTER_QUIET_S = 1.0  #: in which nothing has ended
WITHIN_S = 5.0  #: while one end follows another
assert AFTER_QUIET_S <= WITHIN_S


class Telling:
    """What the group of one lane does not know yet."""

    def __init__(self) -> None:
        """Begin with a group that knows everything."""
        self._since_s: float | None = None  # of the first end that it does not know
        self._last_s = 0.0

    @property
    def due_s(self) -> float | None:
        """When it is to be told; None while there is nothing to tell."""
        if self._since_s is None:
            return None
        return min(self._last_s + AFTER_QUIET_S, self._since_s + WITHIN_S)

    def is_due(self, now_s: float) -> bool:
        """Say whether it is to be told now."""
        due_s = self.due_s
        return due_s is not None and now_s >= due_s

    def ended(self, now_s: float) -> None:
        """Note that something has ended of which the group was not told."""
        self._last_s = now_s
        if self._since_s is None:
            self._since_s = now_s

    def told(self) -> None:
        """Note that the group knows everything."""
        self._since_s = None
