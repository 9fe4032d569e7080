"""Keeps the local Kafka of a team alive: one that dies is started again, at the same address.

Guarantees: whoever was connected finds it again where it was, with its data; it is tried for as
long as it takes, later each time, and why a try failed is told; whoever ends the keeper in the
middle of a start is given back only when that start has ended and left nothing.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from handrail.bus.local_broker import LocalBroker, RunningBroker
from handrail.errors import HandrailError
from handrail.runtime.restart import LOOP_EXITS, after_exit
from handrail.runtime.supervisor import Event, What

BROKER = "local Kafka"
LOOK_EVERY_S = 0.2


async def started(broker: LocalBroker, at: str | None = None) -> RunningBroker:
    """Start a broker, nowhere but `at` where that is given. Raises what `LocalBroker.start` does.

    Whoever is cancelled meanwhile leaves no broker behind that was not there before.
    """
    starting = asyncio.ensure_future(asyncio.to_thread(broker.start, at=at))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # A thread cannot be cut off: wait for what it starts, and take that down again.
        with contextlib.suppress(HandrailError):
            if (await starting).started_here:
                await asyncio.to_thread(broker.stop)
        raise


async def keep_alive(broker: LocalBroker, address: str, tell: Callable[[Event], None]) -> None:
    """Look after a broker that runs at `address`, until cancelled; `tell` is told what happens."""
    now_s = asyncio.get_running_loop().time
    exits_s: deque[float] = deque(maxlen=LOOP_EXITS)
    gone_s: float | None = None
    how = "it ended although nobody asked it to"
    while True:
        while broker.running() is not None:  # noqa: ASYNC110  # a process that is no child of ours
            await asyncio.sleep(LOOK_EVERY_S)
        exits_s.append(now_s())
        gone_s = exits_s[-1] if gone_s is None else gone_s
        delay_s = after_exit(exits_s, exits_s[-1]).delay_s
        what_of_work = "What is under way waits for it; nothing is lost."
        tell(Event(BROKER, What.DIED, f"{how}; starting again in {delay_s:g} s. {what_of_work}"))
        await asyncio.sleep(delay_s)
        try:
            await started(broker, address)
        except HandrailError as error:
            how = f"it did not start ({error.what} {error.why})"
        else:
            tell(Event(BROKER, What.READY, f"it is back after {now_s() - gone_s:.1f} s."))
            how, gone_s = "it ended although nobody asked it to", None
