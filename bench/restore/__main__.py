"""Measures how long a lane takes to open and prints a table: `python -m bench.restore [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import click
import uvloop

from bench.engine.figure import Figure, machine, tell_and_keep
from bench.restore.ground import journal
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
LIVE = 10_000
SHORT, LONG = 100_000, 1_000_000
PROMISED_S = 3.0
PROMISED_RATIO = 1.1


async def _measured(bootstrap: str, *, quick: bool) -> list[Figure]:
    live, lengths, times = (1_000, (10_000, 100_000), 3) if quick else (LIVE, (SHORT, LONG), 9)
    took_s: dict[int, list[float]] = {length: [] for length in lengths}
    async with AsyncExitStack() as stack:
        short_length, long_length = lengths
        first = await stack.enter_async_context(journal(bootstrap, live, short_length))
        # The longer one ends at the same place between two copies, with the same live records:
        # an opener reads as much of it, so that only its length differs.
        second = await stack.enter_async_context(
            journal(bootstrap, live, long_length, to_read=first.to_read)
        )
        journals = [(short_length, first), (long_length, second)]
        # By turns, so that whatever else the machine does falls on both.
        for _ in range(times):
            for length, one in journals:
                seconds, lane = await one.open()
                assert lane.parked_count == live, f"{lane.parked_count} of {live} are known again"
                took_s[length].append(seconds)
    short, long = (median(took_s[length]) for length in lengths)
    figures = [
        Figure(
            f"a lane with {live:,} live invocations opens, journal of {length:,}",
            median(took_s[length]),
            "s",
            times,
            PROMISED_S,
            beside=f"{min(took_s[length]):.2f} to {max(took_s[length]):.2f}; reads {one.to_read:,}"
            f" of {one.records:,} records",
        )
        for length, one in journals
    ]
    what = "the longer journal over the shorter one, as much to read in both"
    return [*figures, Figure(what, long / short, "×", times, PROMISED_RATIO)]


@click.command()
@click.option("--quick", is_flag=True, help="Shorter journals; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {os.getloadavg()[0]:.2f} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_measured(bootstrap, quick=quick))
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
