"""Measures what a call in the sandbox costs: `python -m bench.sandbox [--calls N]`.

Exit code 1 says that a figure is not what is promised.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from bench.engine.figure import Figure, machine
from handrail.contract.confinement import MIB, Level, Limits
from handrail.rails.sandbox.means import holds
from handrail.rails.sandbox.outcome import Ending
from handrail.rails.sandbox.probe import prove
from handrail.rails.sandbox.sandbox import Call, Proof, Sandbox, Setting

RESULTS = Path(__file__).with_name("results.json")
PROMISED_MS = 25.0
SETTING = Setting(opens="bench.sandbox.__main__:opens", project=Path(__file__).parent)


async def nothing(call: bytes, secrets: Mapping[str, str]) -> bytes:  # noqa: ARG001  as bodies are
    """Do nothing, so that only the way there and back is measured."""
    return b"null"


def opens(project: str, files: Sequence[str]) -> object:  # noqa: ARG001  one for every project
    """Find the one body."""
    return {"nothing": nothing}.__getitem__


async def _measured(calls: int) -> list[Figure]:
    began = time.perf_counter()
    async with Sandbox(SETTING) as sandbox:
        figures = [Figure("the forking process starts", _ms_since(began), "ms", 1)]
        began = time.perf_counter()
        proof = await prove(sandbox, SETTING)
        figures.append(
            Figure(
                "the fourteen acts are attempted at both levels",
                _ms_since(began),
                "ms",
                1,
                beside=f"{proof.level} holds",
            )
        )
        best = holds(sandbox.machine)
        sandbox.trust(Proof(best))
        for level in (level for level in Level if best.holds(level)):
            figures += await _level(sandbox, level, Limits(), calls, "")
        if sandbox.machine.namespaces:
            scratch = Limits(disk_bytes=MIB)
            figures += await _level(
                sandbox, Level.STANDARD, scratch, calls, " with a scratch folder"
            )
    return figures


async def _level(
    sandbox: Sandbox, level: Level, limits: Limits, calls: int, beside: str
) -> list[Figure]:
    """Give median and 95th percentile of one call: fork, confine, run nothing, answer, be gone."""
    took: list[float] = []
    for _ in range(calls + 10):
        began = time.perf_counter()
        outcome = await sandbox.run(Call("nothing", b"null"), level, limits)
        took.append(_ms_since(began))
        assert outcome.ending is Ending.DONE, outcome.detail
    took = sorted(took[10:])
    promised = PROMISED_MS if level is Level.STANDARD else None
    name = f"one call at {level}{beside}"
    return [
        Figure(f"{name}, median", took[calls // 2], "ms", calls),
        Figure(f"{name}, 95th percentile", took[calls * 95 // 100], "ms", calls, promised),
    ]


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


@click.command()
@click.option("--calls", default=300, show_default=True, help="Calls at each level.")
def main(*, calls: int) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    facts = machine()
    click.echo(f"{facts['processor']}, load {os.getloadavg()[0]:.2f} before the first figure")
    figures = asyncio.run(_measured(calls))
    for figure in figures:
        click.echo(str(figure))
    lines = [{**asdict(figure), "kept": figure.kept} for figure in figures]
    whole = {"machine": facts, "figures": lines}
    RESULTS.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)


if __name__ == "__main__":
    main()
