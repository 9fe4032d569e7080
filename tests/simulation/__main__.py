"""Simulates the worker under faults: `python -m tests.simulation [--seeds N] [--from N]`.

`--seed N` tells the story of one schedule; it is the same in every run. `--plant NAME` puts a fault
between worker and broker, to see it found. Exit code 1 says that something is wrong.
"""

import os
import sys
import time

import click

from tests.simulation import seeds
from tests.simulation.plants import PLANTS

YIELDING = 19  #: niceness: whatever else wants a core comes first


@click.command()
@click.option("--seed", type=int, help="tell the story of this one")
@click.option("--seeds", "count", default=20_000, show_default=True, help="how many to run")
@click.option("--from", "first", default=0, show_default=True, help="the first of them")
@click.option("--processes", default=os.cpu_count() or 1, help="to run them in  [default: cores]")
@click.option("--plant", type=click.Choice(sorted(PLANTS)), help="a fault to be found")
@click.option("--share", "findings_max", type=int, hidden=True)
@click.option("--story", is_flag=True, hidden=True)
@click.option("--yields", is_flag=True, hidden=True)
def main(
    *,
    seed: int | None,
    count: int,
    first: int,
    processes: int,
    plant: str | None,
    findings_max: int | None,
    story: bool,
    yields: bool,
) -> None:
    """Run whole schedules of faults, each from its seed."""
    if story:
        click.echo(seeds.story_here(first, plant))
    elif findings_max is not None:
        os.nice(YIELDING if yields else 0)
        tally = seeds.run_here(first, count, plant, findings_max=findings_max)
        click.echo(seeds.tally_as_json(tally))
    elif seed is not None:
        told = seeds.story(seed, plant)
        click.echo(told, nl=False)
        sys.exit("\nWRONG: " in told)
    else:
        began_s = time.perf_counter()
        tally = seeds.run(first, count, processes=processes, plant=plant)
        took_s = time.perf_counter() - began_s
        for finding in tally.findings:
            click.echo(finding)
        click.echo(f"{tally}\n{took_s:.0f} s in {processes} processes")
        sys.exit(bool(tally.findings))


if __name__ == "__main__":
    main()
