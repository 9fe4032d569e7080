"""Reads after writes of another agent: how many are stale, and how long a reader waits.

Two agents with a view each, keeper and registrar as in production, on a real Kafka, but all of them
in one process. The first writes, by an update that waits for its answer or by an increment that
goes with its handoff; the second reads at once what the first has written. A read that gives less
than was written is stale. Few handoffs at a time keep that process busy without a pause; one at a
time shows the wait without what the handoffs take from each other.
"""

import asyncio
import time
from dataclasses import dataclass, field

from bench.engine.figure import Figure
from handrail import Context, Memory, MemoryClass, Topic, agent
from handrail.testing import Team

SHARED_KEYS = 50
PARTITIONS = 3

bumps = Topic("bumps", carries=str)
checks = Topic("checks", carries=str)
counts = Memory("counts", carries=int, keeps=MemoryClass.FACT)

AT_A_TIME = 4  #: as many as keep the process busy


@dataclass(slots=True)
class Seen:
    """What the reader has found."""

    stale: list[str] = field(default_factory=list[str])
    waited_ms: list[float] = field(default_factory=list[float])
    done: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])


async def read_behind_writes(bootstrap: str, *, count: int) -> list[Figure]:
    """Let so many handoffs pass, and give how many reads were stale and how long they took."""
    busy = await _handed_on(bootstrap, count, AT_A_TIME)
    alone = await _handed_on(bootstrap, count // 5, 1)
    stale = len(busy.stale) + len(alone.stale)
    what, read = "stale reads of what the agent before has written", "a read right behind a write"
    return [
        Figure(what, stale, "", len(busy.waited_ms) + len(alone.waited_ms), 0),
        _waited(f"{read}, 99th percentile", busy),
        _waited(f"{read}, one handoff at a time, 99th percentile", alone),
    ]


def _waited(what: str, seen: Seen) -> Figure:
    waited = sorted(seen.waited_ms)
    middle, p99 = waited[len(waited) // 2], waited[len(waited) * 99 // 100]
    beside = f"median {middle:,.1f} ms, longest {waited[-1]:,.1f} ms"
    return Figure(what, p99, "ms", len(waited), 20, beside=beside)


async def _handed_on(bootstrap: str, count: int, outstanding: int) -> Seen:
    seen = Seen()

    @agent(reads=bumps, writes=checks)
    async def bumper(text: str, ctx: Context) -> str:
        number = int(text)
        if number % 2:
            ctx.memory(counts).increment(f"own/{number}")
            return f"{number} own/{number} 1"
        key = f"shared/{number % SHARED_KEYS}"
        applied = await ctx.memory(counts).update(key, lambda old: (old or 0) + 1)
        return f"{number} {key} {applied.version}"

    @agent(reads=checks)
    async def checker(text: str, ctx: Context) -> None:
        number, key, version = text.split()
        began_s = time.perf_counter()
        found = await ctx.memory(counts).get(key)
        seen.waited_ms.append((time.perf_counter() - began_s) * 1000)
        if found is None or found.version < int(version):
            seen.stale.append(f"{text}: {found}")
        seen.done[number].set()

    places = asyncio.Semaphore(outstanding)

    async def one(team: Team, number: int) -> None:
        async with places:
            seen.done[str(number)] = asyncio.Event()
            await team.submit(bumps, str(number))
            await seen.done[str(number)].wait()

    async with Team(
        bumper, checker, memory=[counts], on="kafka", broker=bootstrap, partitions=PARTITIONS
    ) as team:
        await asyncio.gather(*(one(team, number) for number in range(count)))
    return seen
