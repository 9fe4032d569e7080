"""Keeps the rounds of a proof in one file, a line each, and adds them up.

Guarantees: a round is in the file whole or not at all, even after a power cut; what stands there is
never changed. A line that cannot be read is left out and counted, so that a proof goes on.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from handrail.chaos.account import AGAINST, Figure, Round

RULE_OF_THREE = 3  #: 0 of n bounds a rate at 3/n, with 95 % confidence

_ROUND: TypeAdapter[Round] = TypeAdapter(Round)


@dataclass(frozen=True, slots=True)
class Sum:
    """One figure over several rounds."""

    figure: Figure
    found: int
    count: int  #: out of how many
    against: str  #: of what
    slowest_s: float | None = None  #: where it is time that is bounded

    @property
    def bound(self) -> float | None:
        """What the true rate is below, at 95 % confidence; None when nothing bounds it."""
        if self.found or not self.count or not self.figure.is_promised:
            return None
        return min(1.0, RULE_OF_THREE / self.count)


@dataclass(frozen=True, slots=True)
class Total:
    """Several rounds added up."""

    rounds: int
    sums: tuple[Sum, ...]
    faults: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found that is promised never to happen."""
        return not any(one.found for one in self.sums if one.figure.is_promised)


def append(file: Path, played: Round) -> None:
    """Add a round to the file; it is on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    end = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(end).st_size
        cut_off = size and os.pread(end, 1, size - 1) != b"\n"
        line = orjson.dumps(
            asdict(played), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
        )
        os.write(end, (b"\n" if cut_off else b"") + line)
        os.fsync(end)
    finally:
        os.close(end)


def read(file: Path) -> tuple[list[Round], int]:
    """Give the rounds of a file, and how many lines of it could not be read."""
    found: list[Round] = []
    broken = 0
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            found.append(_ROUND.validate_json(line))
        except ValidationError:
            broken += 1
    return found, broken


def added_up(rounds: Sequence[Round]) -> Total:
    """Add rounds up."""
    found: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for one in rounds:
        found.update(one.found)
        counts.update(one.counts)
        faults.update(one.faults)
    sums = tuple(
        Sum(
            figure,
            found[figure],
            counts[AGAINST[figure]],
            AGAINST[figure],
            max((one.slowest_s[figure] for one in rounds if figure in one.slowest_s), default=None),
        )
        for figure in Figure
    )
    return Total(len(rounds), sums, dict(sorted(faults.items())))
