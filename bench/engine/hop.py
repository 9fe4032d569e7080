"""One hop: from a submitter's send until a reader of committed records has the next handoff."""

import asyncio
import time
from dataclasses import dataclass

from bench.engine.ground import Ground, ground, home_of, raw_relay, relays
from handrail.wire.record import Outgoing

EVERY_S = 0.1
WARM_UP = 20
ARRIVES_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Hops:
    """How long hops took, in milliseconds."""

    n: int
    p50_ms: float
    p99_ms: float
    max_ms: float


async def hops(bootstrap: str, count: int) -> Hops:
    """Measure through one agent process."""
    async with ground(bootstrap) as place, relays(place, 1):
        return await _timed(place, count)


async def raw_hops(bootstrap: str, count: int) -> Hops:
    """Measure through the plain loop, one transaction a record."""
    async with ground(bootstrap) as place, raw_relay(place, 1):
        return await _timed(place, count)


async def _timed(place: Ground, count: int) -> Hops:
    sender, tail = place.bus.sender(), await place.tail()
    left: dict[bytes, float] = {}
    took_ms: list[float] = []
    whole = WARM_UP + count

    async def read() -> None:
        seen = 0
        while seen < whole:
            for record in await tail.poll(timeout_s=1.0):
                seen += 1
                took_ms.append((time.perf_counter() - left[record.value or b""]) * 1000)

    reading = asyncio.create_task(read(), name="reader of the next topic")
    begun = time.perf_counter()
    for number in range(whole):
        await asyncio.sleep(max(0.0, begun + number * EVERY_S - time.perf_counter()))
        reference, text = f"{place.namespace}-{number}", b'"text %d"' % number
        record = Outgoing(place.inbox, reference.encode(), text, (), home_of(reference))
        left[text] = time.perf_counter()
        await sender.send(record)
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        await reading
    await tail.close()
    measured = sorted(took_ms[WARM_UP:])
    return Hops(
        n=count,
        p50_ms=measured[count // 2],
        p99_ms=measured[min(count - 1, count * 99 // 100)],
        max_ms=measured[-1],
    )
