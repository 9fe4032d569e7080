"""How many handoffs a second leave, each exactly once, while the inbox is never empty."""

import asyncio
import statistics
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bench.engine.ground import Ground, full_inbox, ground, raw_relay, relays, resident_mb

READ_RECORDS_MAX = 5_000
ENDS_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Handoffs per second, over several runs on fresh topics."""

    n: int  #: handoffs in each run
    per_s: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.per_s)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one agent process holds, in MB."""

    idle_mb: float  #: ready, twelve lanes open, nothing done yet
    after_load_mb: float


async def rates(bootstrap: str, processes: int, count: int, runs: int) -> tuple[Rates, Memory]:
    """Measure `handrail run`, that many processes; memory is that of the first, in the last run."""
    per_s: list[float] = []
    idle_mb = after_mb = 0.0
    for _ in range(runs):
        async with ground(bootstrap) as place, relays(place, processes) as pids:
            idle_mb = resident_mb(pids[0])
            per_s.append(await _emptied(place, count))
            after_mb = resident_mb(pids[0])
    return Rates(count, tuple(per_s)), Memory(idle_mb, after_mb)


async def raw_rates(bootstrap: str, records_max: int, count: int, runs: int) -> Rates:
    """Measure the plain loop with at most that many records a transaction."""
    per_s: list[float] = []
    for _ in range(runs):
        async with ground(bootstrap) as place:
            relay: AbstractAsyncContextManager[None] = raw_relay(place, records_max)
            async with relay:
                per_s.append(await _emptied(place, count))
    return Rates(count, tuple(per_s))


async def _emptied(place: Ground, count: int) -> float:
    """Let an inbox appear at one moment; give handoffs per second until the last has left."""
    tail = await place.tail()
    async with full_inbox(place, count) as producer:
        begun = time.perf_counter()
        await producer.commit_transaction()
        seen = 0
        async with asyncio.timeout(ENDS_WITHIN_S):
            while seen < count:
                seen += len(await tail.poll(timeout_s=1.0, records_max=READ_RECORDS_MAX))
        took_s = time.perf_counter() - begun
    assert seen == count, f"{seen} handoffs left an inbox of {count}"
    await tail.close()
    return count / took_s
