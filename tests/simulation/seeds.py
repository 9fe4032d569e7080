"""Runs schedules of many seeds, and tells the story of one.

A range of seeds is shared out among processes of their own, in which texts hash alike, so that a
seed gives the same schedule in every run and on every machine.
"""

import gc
import json
import logging
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import structlog

from tests.simulation.bus import SimBus
from tests.simulation.judge import Judge
from tests.simulation.plan import Plan
from tests.simulation.plants import PLANTS
from tests.simulation.schedule import Schedule

ROOT = Path(__file__).resolve().parents[2]
COLLECT_EVERY = 50  #: schedules; to collect in the middle of one would cost more than it frees
FINDINGS_MAX = 10  #: after so many a share of seeds is given up
HASHES = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A schedule with which something is wrong."""

    seed: int
    problems: list[str]

    def __str__(self) -> str:
        """Give what is wrong, and how to see it happen again."""
        listed = "\n".join(f"  {problem}" for problem in self.problems[:8])
        return (
            f"seed {self.seed}:\n{listed}\n  again: python -m tests.simulation --seed {self.seed}"
        )


@dataclass(slots=True)
class Tally:
    """What came of a range of seeds."""

    schedules_count: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])
    simulated_s: float = 0.0
    befell: Counter[str] = field(default_factory=Counter[str])
    fingerprint: int = 0  #: the same whenever the same schedules went the same way

    def add(self, other: "Tally") -> None:
        """Take in another range."""
        self.schedules_count += other.schedules_count
        self.findings += other.findings
        self.simulated_s += other.simulated_s
        self.befell += other.befell
        self.fingerprint ^= other.fingerprint

    def __str__(self) -> str:
        """Give the figures in words."""
        faults = ", ".join(f"{what} {count}" for what, count in sorted(self.befell.items()))
        return (
            f"{self.schedules_count} schedules of {self.simulated_s / 3600:.1f} simulated hours,"
            f" {len(self.findings)} with something wrong\n{faults}"
        )


def judged(schedule: Schedule) -> list[str]:
    """Run a schedule and give all that is wrong with it."""
    schedule.run()
    return [*schedule.problems, *Judge(schedule).judge()]


def run_here(
    first: int, count: int, plant: str | None = None, *, findings_max: int = FINDINGS_MAX
) -> Tally:
    """Run a range of seeds in this process until enough was found; a planted fault by its name."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    make_bus = PLANTS[plant] if plant is not None else SimBus
    tally = Tally()
    gc.disable()
    gc.freeze()  # What was imported stays anyway.
    for seed in range(first, first + count):
        schedule = Schedule(Plan.of(seed), make_bus)
        problems = judged(schedule)
        tally.schedules_count += 1
        tally.simulated_s += schedule.loop.time()
        tally.befell += schedule.weather.befell
        tally.fingerprint ^= _fingerprint(schedule)
        if problems:
            tally.findings.append(Finding(seed, problems))
        if len(tally.findings) >= findings_max:
            break
        if seed % COLLECT_EVERY == 0:
            gc.collect()
    return tally


@dataclass(frozen=True, slots=True)
class Run:
    """A range of seeds that is being run."""

    shares: "Sequence[subprocess.Popen[str]]"

    @classmethod
    def begin(
        cls,
        first: int,
        count: int,
        *,
        processes: int,
        plant: str | None = None,
        findings_max: int = FINDINGS_MAX,
        yields: bool = False,
    ) -> "Run":
        """Start it in processes of their own, which take only what others leave when it yields.

        Each of them ends early when it has found enough.
        """
        arguments = ["--share", str(findings_max), *(["--yields"] if yields else [])]
        return cls(
            [
                _child("--from", str(at), "--seeds", str(end - at), *arguments, plant=plant)
                for at, end in _shares(first, count, processes)
            ]
        )

    def tally(self) -> Tally:
        """Wait for its end and give what came of it. Raises RuntimeError when a process failed."""
        tally = Tally()
        for child in self.shares:
            told = json.loads(_said_by(child))
            told["findings"] = [Finding(**one) for one in told["findings"]]
            told["befell"] = Counter(told["befell"])
            tally.add(Tally(**told))
        return tally

    def end(self) -> None:
        """End what still runs."""
        for child in self.shares:
            if child.poll() is None:
                child.kill()
                child.communicate()


def run(
    first: int,
    count: int,
    *,
    processes: int,
    plant: str | None = None,
    findings_max: int = FINDINGS_MAX,
) -> Tally:
    """Run a range of seeds in processes of their own; each ends early when it has found enough."""
    begun = Run.begin(first, count, processes=processes, plant=plant, findings_max=findings_max)
    return begun.tally()


def story(seed: int, plant: str | None = None) -> str:
    """Tell what happens in one schedule, in a process of its own."""
    return _said_by(_child("--from", str(seed), "--story", plant=plant))


def story_here(seed: int, plant: str | None = None) -> str:
    """Tell what happens in one schedule."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    schedule = Schedule(Plan.of(seed), PLANTS[plant] if plant else SimBus, tells=True)
    problems = judged(schedule)
    lines = [(told.at_s, told.who, told.what) for told in schedule.told]
    lines += _commits(schedule)
    shown = [f"{at_s:9.4f} {who:6} {what}" for at_s, who, what in sorted(lines, key=_time)]
    wrong = [f"WRONG: {problem}" for problem in problems] or ["nothing is wrong"]
    return "\n".join([str(schedule.plan), *shown, *wrong])


def tally_as_json(tally: Tally) -> str:
    """Give a tally on one line."""
    return json.dumps(
        {
            "schedules_count": tally.schedules_count,
            "findings": [asdict(finding) for finding in tally.findings],
            "simulated_s": tally.simulated_s,
            "befell": dict(tally.befell),
            "fingerprint": tally.fingerprint,
        }
    )


def _fingerprint(schedule: Schedule) -> int:
    loop = schedule.loop
    decided = [(one.decided_s, one.process, one.fate.name) for one in schedule.broker.decided]
    went = schedule.plan.seed, loop.callbacks_count, loop.time(), decided
    return zlib.crc32(repr(went).encode())


def _commits(schedule: Schedule) -> Iterator[tuple[float, str, str]]:
    for written in schedule.broker.decided:
        keys = ", ".join(
            f"{where.topic.removeprefix('sim.')}[{where.partition}]@{entry.offset}"
            f" {(entry.key or b'').decode(errors='replace')}{'' if entry.value else ' (removed)'}"
            for where, entry in written.entries
        )
        told = f", offset {written.offsets.offset}" if written.offsets is not None else ""
        what = f"{written.fate.name.lower()} {written.order} epoch {written.producer_epoch}"
        yield written.decided_s, written.process, f"{what}: {keys}{told}"


def _time(line: tuple[float, str, str]) -> float:
    return line[0]


def _shares(first: int, count: int, processes: int) -> list[tuple[int, int]]:
    bounds = [first + count * n // processes for n in range(processes + 1)]
    return [(at, end) for at, end in pairwise(bounds) if end > at]


def _said_by(child: "subprocess.Popen[str]") -> str:
    out, err = child.communicate()
    if child.returncode:
        raise RuntimeError(f"a simulating process has failed: {err[-3000:]}")
    return out


def _child(*arguments: str, plant: str | None = None) -> "subprocess.Popen[str]":
    planted: Sequence[str] = () if plant is None else ("--plant", plant)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulation", *arguments, *planted],
        cwd=ROOT,
        env={**os.environ, **HASHES},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
