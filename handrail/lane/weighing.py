"""Whose turn it is to start: of high priority four for each normal one, while both have work.

Guarantees: where both can start, four of high priority start and then one that is not. Nothing
waits while the other side has nothing that could run. A normal one is never starved: where it can
start, at most four others start before one of its side. While high priority has more to do than it
has places for, normal ones may also take the places that this leaves them: one for every four that
are taken.
"""

from dataclasses import dataclass

from handrail.wire.priority import Priority

HIGH_FOR_EACH_NORMAL = 4


@dataclass(frozen=True, slots=True)
class Work:
    """What the lanes of one priority in a process have to do."""

    waits: bool  #: something would run if there were a place for it
    startable: bool  #: and there is one
    running: int


class Weighing:
    """Weighs the starts of one process. Not thread-safe; one owner."""

    def __init__(self) -> None:
        """Begin with high priority's turn."""
        self._since_normal = 0  #: starts of high priority since the last normal one, at most four

    def turn(self, high: Work, normal: Work) -> Priority | None:
        """Say whose turn it is; None when nothing may start now."""
        if not normal.startable:
            return Priority.HIGH if high.startable else None
        if not high.waits or self._since_normal >= HIGH_FOR_EACH_NORMAL:
            return Priority.NORMAL
        if high.startable:
            return Priority.HIGH
        # Its places are all taken, perhaps for long: what is short must not wait for that.
        if (normal.running + 1) * HIGH_FOR_EACH_NORMAL <= high.running:
            return Priority.NORMAL
        return None

    def started(self, priority: Priority) -> None:
        """Take note that one has started."""
        normal = priority is Priority.NORMAL
        self._since_normal = 0 if normal else min(self._since_normal + 1, HIGH_FOR_EACH_NORMAL)
