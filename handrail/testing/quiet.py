"""When nothing moves any more in a team whose processes share one event loop."""

import asyncio
from collections.abc import Callable

QUIET_TURNS, BUSY_TURNS = 8, 30  #: turns of the event loop without a move that count as rest

assert QUIET_TURNS <= BUSY_TURNS


async def quiet(moves_count: Callable[[], int]) -> None:
    """Return once nothing has moved for so many turns; more of them after a move."""
    still, seen, enough = 0, moves_count(), QUIET_TURNS
    while still < enough:
        await asyncio.sleep(0)
        now = moves_count()
        still = still + 1 if now == seen else 0
        enough = enough if now == seen else BUSY_TURNS
        seen = now
