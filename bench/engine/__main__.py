"""Measures the engine and prints a table: `python -m bench.engine [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import logging
from pathlib import Path

import click
import uvloop

from bench.engine.figure import Figure, machine, tell_and_keep
from bench.engine.handoffs import Rates, rates, raw_rates
from bench.engine.hop import Hops, hops, raw_hops
from bench.engine.start import starts
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
BATCH = 100  #: records a transaction of the plain loop; the engine's lanes gather as many


async def _measured(bootstrap: str, *, quick: bool) -> list[Figure]:
    hop_count, count, runs = (50, 4_000, 1) if quick else (300, 20_000, 3)
    ours, raw = await hops(bootstrap, hop_count), await raw_hops(bootstrap, hop_count)
    one, memory = await rates(bootstrap, 1, count, runs)
    three, _ = await rates(bootstrap, 3, count, runs)
    batched = await raw_rates(bootstrap, BATCH, count, runs)
    single = await raw_rates(bootstrap, 1, count // 20, runs)
    return [
        *_hops_in_words(ours, raw),
        _rate("handoffs of one process", one, 2_000),
        _rate("handoffs of three processes", three),
        _rate(f"plain loop, {BATCH} a transaction", batched),
        _rate("plain loop, one a transaction", single),
        Figure("one process / plain loop in batches", one.median / batched.median, "×", count),
        Figure("one process / plain loop one by one", one.median / single.median, "×", count),
        Figure("memory of an agent process, idle", memory.idle_mb, "MB", 1, 90),
        Figure("memory after its load", memory.after_load_mb, "MB", 1),
    ]


def _hops_in_words(ours: Hops, raw: Hops) -> list[Figure]:
    return [
        Figure("one hop at 10/s, median", ours.p50_ms, "ms", ours.n, 15),
        Figure("one hop at 10/s, 99th percentile", ours.p99_ms, "ms", ours.n, 50),
        Figure("the same through the plain loop, median", raw.p50_ms, "ms", raw.n),
        Figure("the same, 99th percentile", raw.p99_ms, "ms", raw.n),
    ]


def _rate(what: str, found: Rates, promised: float | None = None) -> Figure:
    runs = " / ".join(f"{value:,.0f}" for value in sorted(found.per_s))
    return Figure(what, found.median, "/s", found.n, promised, at_least=True, beside=runs)


def _starts(bootstrap: str | None, runs: int) -> Figure:
    seconds = starts(bootstrap, runs).seconds
    how = "with its Kafka" if bootstrap is None else "on a running Kafka"
    promised = 10.0 if bootstrap is None else None
    beside = " / ".join(f"{value:.1f}" for value in seconds)
    middle = sorted(seconds)[len(seconds) // 2]
    return Figure(f"`handrail up` to ready, {how}", middle, "s", runs, promised, beside=beside)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    # aiokafka 0.14 warns while a topic that was just made has no leader yet, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {facts['load_before']} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_measured(bootstrap, quick=quick))
        figures.append(_starts(bootstrap, 1 if quick else 3))
    figures.append(_starts(None, 1 if quick else 3))
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
