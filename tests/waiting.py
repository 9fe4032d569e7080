"""Waits for a condition, so that no test guesses how long something takes.

The one place in the tests where time may pass. Both forms return what the condition gave as soon
as it is true, and fail with its description and its last value when it stays false.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.02
T = TypeVar("T")


async def until(
    condition: Callable[[], T | Awaitable[T]], *, within_s: float = 20.0, what: str = ""
) -> T:
    """Give the first true value of a condition, plain or awaitable; AssertionError when late."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            message = f"not within {within_s:g} s: {what or condition}; last seen: {value!r}"
            raise AssertionError(message)
        await asyncio.sleep(POLL_S)


def until_now(condition: Callable[[], T], *, within_s: float = 20.0, what: str = "") -> T:
    """Give the first true value of a condition, without an event loop; AssertionError when late."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            message = f"not within {within_s:g} s: {what or condition}; last seen: {value!r}"
            raise AssertionError(message)
        time.sleep(POLL_S)
