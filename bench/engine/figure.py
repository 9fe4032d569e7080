"""One figure with its n and what is promised, and the machine that it was measured on."""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiokafka
import click

from bench.engine.ground import processor
from handrail.bus.broker_jars import KAFKA_VERSION


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
        return f"  {self.what:<62}{value:>17}  {promise:<8} n={self.n:<6} {self.beside}{mark}"


def machine() -> dict[str, object]:
    """Say what the figures were measured on, and what else it did."""
    return {
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "aiokafka": aiokafka.__version__,
        "kafka": KAFKA_VERSION,
        "load_before": round(os.getloadavg()[0], 2),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def tell_and_keep(
    figures: Sequence[Figure], facts: Mapping[str, object], results: Path, *, quick: bool
) -> None:
    """Print figures, write them with their machine, and end with 1 when a promise is broken."""
    for figure in figures:
        click.echo(str(figure))
    lines = [{**asdict(figure), "kept": figure.kept} for figure in figures]
    whole = {"machine": facts, "quick": quick, "figures": lines}
    results.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)
