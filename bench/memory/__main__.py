"""Measures memory: `python -m bench.memory [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
import uvloop

from bench.engine.figure import Figure, machine
from bench.memory import handoffs, keeping
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
HISTORY = Path(__file__).with_name("history.jsonl")


async def _figures(bootstrap: str, tell: Callable[[Figure], None], *, quick: bool) -> list[Figure]:
    many, each = (2_000, 200) if quick else (40_000, 10_000)
    found: list[Figure] = []
    for figure in await handoffs.read_behind_writes(bootstrap, count=500 if quick else 10_000):
        tell(figure)
        found.append(figure)
    for measured in (
        keeping.latency(bootstrap, calls=200 if quick else 1_000),
        keeping.rate(bootstrap, calls=many),
        keeping.lost_updates(bootstrap, HISTORY, writers=16, each=each),
    ):
        for figure in await measured:
            tell(figure)
            found.append(figure)
    return found


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    # aiokafka 0.14 warns while a topic that was just made has no leader yet, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {facts['load_before']} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_figures(bootstrap, lambda one: click.echo(str(one)), quick=quick))
    lines = [{**asdict(figure), "kept": figure.kept} for figure in figures]
    whole = {"machine": facts, "quick": quick, "figures": lines}
    RESULTS.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)


main()
