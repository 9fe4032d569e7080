"""Measures how much memory what rests takes: `python -m bench.resting [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

from pathlib import Path

import click

from bench.engine.figure import Figure, machine, tell_and_keep
from bench.resting.ground import bytes_each

RESULTS = Path(__file__).with_name("results.json")
CASES = (
    ("with nothing recorded of its steps", 0, 0, 1_100),
    ("that sleeps, with the intent of its sleep", 1, 0, None),
    ("the same, with three outcomes of 254 bytes", 1, 3, None),
)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of them; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    count = 2_700 if quick else 20_000
    facts = machine()
    figures = [
        Figure(f"one that rests, {what}", bytes_each(count, *shape), "bytes", count, promised)
        for what, *shape, promised in CASES
    ]
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
