"""Measures the engine and prints a table: `python -m bench.engine [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import json
import logging
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import aiokafka
import click
import uvloop

from bench.engine.ground import processor
from bench.engine.handoffs import Rates, rates, raw_rates
from bench.engine.hop import Hops, hops, raw_hops
from bench.engine.start import starts
from handrail.bus.broker_jars import KAFKA_VERSION
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
BATCH = 100  #: records a transaction of the plain loop; the engine's lanes gather as many


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    n: int
    promised: float | None = None
    at_least: bool = False  #: the promise is a floor; else it is a ceiling
    beside: str = ""

    @property
    def kept(self) -> bool:
        """Say whether the promise is kept; without one there is nothing to break."""
        if self.promised is None:
            return True
        return self.value >= self.promised if self.at_least else self.value <= self.promised

    def __str__(self) -> str:
        """Give the line."""
        sign = "≥" if self.at_least else "≤"
        promise = "" if self.promised is None else f"{sign} {self.promised:g}"
        mark = "" if self.kept else "  MISSED"
        value = f"{self.value:,.1f} {self.unit}"
        return f"  {self.what:<46}{value:>17}  {promise:<8} n={self.n:<6} {self.beside}{mark}"


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


def _machine() -> dict[str, object]:
    return {
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "aiokafka": aiokafka.__version__,
        "kafka": KAFKA_VERSION,
        "load_before": round(os.getloadavg()[0], 2),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    # aiokafka 0.14 warns while a topic that was just made has no leader yet, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    machine = _machine()
    click.echo(f"{machine['processor']}, load {machine['load_before']} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_measured(bootstrap, quick=quick))
        figures.append(_starts(bootstrap, 1 if quick else 3))
    figures.append(_starts(None, 1 if quick else 3))
    for figure in figures:
        click.echo(str(figure))
    lines = [{**asdict(figure), "kept": figure.kept} for figure in figures]
    whole = {"machine": machine, "quick": quick, "figures": lines}
    RESULTS.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)


main()
