"""Measures how long work stands still: `python -m bench.failover [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import logging
import math
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import click
import uvloop

from bench.engine.figure import Figure, machine, tell_and_keep
from bench.failover.ground import AGENT, PROCESSES, Beat, Project, beat, project, started
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
SUPERVISED_S, ALONE_S, PLANNED_S = 3.0, 12.0, 2.0

Measure = Callable[[Project, Beat, int], Awaitable[list[float]]]


async def _supervised(place: Project, steady: Beat, count: int) -> list[float]:
    """Kill children of `handrail up`, which starts them again."""
    took_s: list[float] = []
    with started(place, "up", "--scale", f"{AGENT}={PROCESSES}"):
        for number in range(count):
            await place.whole()
            took_s.append(await _struck(place, steady, number, signal.SIGKILL))
    return took_s


async def _alone(place: Project, steady: Beat, count: int) -> list[float]:
    return await _without_supervisor(place, steady, count, signal.SIGKILL)


async def _planned(place: Project, steady: Beat, count: int) -> list[float]:
    return await _without_supervisor(place, steady, count, signal.SIGTERM)


async def _without_supervisor(
    place: Project, steady: Beat, count: int, how: signal.Signals
) -> list[float]:
    """End processes that nobody looks after; another is started once their work was taken over."""
    took_s: list[float] = []
    with ExitStack() as stack:
        for _ in range(PROCESSES):
            stack.enter_context(started(place, "run", AGENT))
        for number in range(count):
            await place.whole()
            took_s.append(await _struck(place, steady, number, how))
            stack.enter_context(started(place, "run", AGENT))
    return took_s


async def _struck(place: Project, steady: Beat, number: int, how: signal.Signals) -> float:
    """End one process at a moment that nobody chose, and wait until all is served again."""
    before = len(steady.sent_s)
    await steady.beats(before + random.randrange(5, 25))  # noqa: S311 - no secret
    victim = place.processes()[number % PROCESSES]
    struck_s = time.monotonic()
    os.kill(victim.pid, how)
    return await steady.served_after(struck_s)


async def _measured(bootstrap: str, measure: Measure, count: int) -> list[float]:
    async with project(bootstrap) as place, beat(place) as steady:
        return sorted(await measure(place, steady, count))


async def _figures(bootstrap: str, *, quick: bool) -> list[Figure]:
    many, few = (6, 3) if quick else (40, 10)
    killed = await _measured(bootstrap, _supervised, many)
    alone = await _measured(bootstrap, _alone, few)
    planned = await _measured(bootstrap, _planned, many)
    return [
        *_in_words("kill -9 under a supervisor", killed, SUPERVISED_S),
        *_in_words("kill -9 with nobody to see it", alone, ALONE_S),
        *_in_words("SIGTERM, a planned hand-over", planned, PLANNED_S),
    ]


def _in_words(what: str, took_s: list[float], promised: float) -> list[Figure]:
    n = len(took_s)
    return [
        Figure(f"{what}, median", took_s[n // 2], "s", n),
        Figure(f"{what}, 99th percentile", took_s[math.ceil(n * 0.99) - 1], "s", n, promised),
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    # aiokafka 0.14 warns while a topic that was just made has no leader yet, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {facts['load_before']} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_figures(bootstrap, quick=quick))
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
