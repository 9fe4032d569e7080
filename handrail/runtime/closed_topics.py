"""The topics to which this process may not write, as the broker has said, for a time.

Whoever owns a cluster may take a right and give it back without telling anybody. So what cannot be
written waits at first, and a topic that was done without is tried again.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 60.0  #: how long a topic is refused before it is done without
LEFT_OUT_S: Final = 600.0  #: how long it is then done without
TOPICS_COUNT_MAX: Final = 1_000  #: beyond it the one that was refused first is tried again


class ClosedTopics:
    """Topics to which nothing could be written lately."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Know of none; times are those of this clock."""
        self._now_s = now_s
        self._refused_s: dict[str, float] = {}  # when the broker first said no

    def refused(self, topic: str) -> bool:
        """Take in that the broker said no; True says that it has done so for long enough."""
        first_s, now_s = self._refused_s.get(topic), self._now_s()
        if first_s is None or now_s - first_s >= PATIENCE_S + LEFT_OUT_S:
            self._refused_s.pop(topic, None)
            self._refused_s[topic] = now_s
            if len(self._refused_s) > TOPICS_COUNT_MAX:
                del self._refused_s[next(iter(self._refused_s))]
        return self.is_left_out(topic)

    def is_left_out(self, topic: str) -> bool:
        """Say whether a topic is done without now."""
        first_s = self._refused_s.get(topic)
        if first_s is None:
            return False
        return PATIENCE_S <= self._now_s() - first_s < PATIENCE_S + LEFT_OUT_S
