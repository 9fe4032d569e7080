"""Tells a cancellation that somebody asked for from one that a client has made of its own."""

import asyncio
import contextlib
from collections.abc import Generator

from handrail.errors import BrokerUnreachable


@contextlib.contextmanager
def stray_cancellations_told(bootstrap: str) -> Generator[None]:
    """Raise BrokerUnreachable for a cancellation that nobody asked for.

    Where a broker dies, aiokafka 0.14 cancels futures and tasks of its own, which comes out as if
    whoever waits were cancelled. Let through, a loop would end as one that was told to.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        reason = "a request was cut off before anything answered it"
        raise BrokerUnreachable(bootstrap=bootstrap, reason=reason) from None
