"""Waits for a condition outside this process, looking again every few milliseconds."""

import time
from collections.abc import Callable

LOOK_AGAIN_S = 0.05


def until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Wait until the condition holds; False when it did not within that time. Blocks."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True
