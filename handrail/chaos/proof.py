"""Plays rounds until the time is over, judges each, and keeps its account.

A proof may be stopped at any time: the rounds that were played stand in the file, and the next one
adds to them. A round for which the time would not suffice is not begun.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from handrail.bus.progress import Progress, Silent
from handrail.chaos.account import Round, account
from handrail.chaos.checker.check import check
from handrail.chaos.folder import read as read_history
from handrail.chaos.play import Played, RoundPlan, play
from handrail.chaos.rerun import rerun
from handrail.chaos.rounds import append
from handrail.chaos.stage import Stage
from handrail.chaos.strikes import LONG_ROUND_S, Kind, Severity

ROUND_S = 60.0  #: of load and faults in one round
ROUND_S_MIN = 10.0
AROUND_S = 60.0  #: what a first round is thought to take beside that: start, rest, judgement
LONG_EVERY = 3  #: rounds one is a long one, so that somebody can be away for longer in it
LONG_MINUTES_MIN = 10.0  #: of a proof that has long rounds; the share of CI stays short
SEEDS_APART = 1_000_003  #: so that the rounds of two proofs with near seeds differ


#: Lays a team out in a folder, for a seed and so many seconds of load.
MakeStage = Callable[[Path, int, float], Stage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofPlan:
    """How a proof is played."""

    seed: int
    minutes: float
    project: Path  #: what is kept is named from here, so that an account holds no machine's paths
    folder: Path  #: below it; rounds are played there
    rounds_file: Path
    team: str
    sources: str
    kinds: tuple[Kind, ...]
    processes: int
    stage: MakeStage
    severity: Severity = field(default_factory=Severity)
    keep: bool = False  #: histories of clean rounds too
    progress: Progress = field(default_factory=Silent)
    tell: Callable[[str], None] = lambda _: None


async def prove(plan: ProofPlan) -> AsyncGenerator[Round]:
    """Play rounds until the time is over, at least one; give each once it is in the file."""
    over_s = time.monotonic() + plan.minutes * 60
    number, around_s = 0, AROUND_S
    while True:
        over_this_s = round_s(number, plan.minutes)
        if number and time.monotonic() + over_this_s + around_s > over_s:
            return
        began_s = time.monotonic()
        seed = plan.seed + number * SEEDS_APART
        plan.tell(f"Round {number + 1}, seed {seed}.")
        yield await _round(plan, seed, over_this_s)
        took_s = time.monotonic() - began_s - over_this_s
        around_s = max(around_s, took_s) if number else took_s
        number += 1


def round_s(number: int, minutes: float) -> float:
    """Say for how long a round of a proof has load and faults."""
    if minutes >= LONG_MINUTES_MIN and number % LONG_EVERY == LONG_EVERY - 1:
        return LONG_ROUND_S
    return max(ROUND_S_MIN, min(ROUND_S, minutes * 60 - AROUND_S))


async def _round(plan: ProofPlan, seed: int, over_s: float) -> Round:
    now = datetime.now(UTC)
    folder = plan.folder / f"{now:%Y%m%dT%H%M%SZ}-{seed}"
    folder.mkdir(parents=True)
    try:
        return await _played(plan, seed, over_s, folder, now)
    except asyncio.CancelledError:
        # What was broken off is neither judged nor kept.
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def _played(plan: ProofPlan, seed: int, over_s: float, folder: Path, now: datetime) -> Round:
    stage = plan.stage(folder / "team", seed, over_s)
    played = await play(
        RoundPlan(
            seed=seed,
            folder=folder,
            over_s=over_s,
            kinds=plan.kinds,
            processes=plan.processes,
            severity=replace(plan.severity, moments_with=stage.steps, moments_of=stage.takers),
            progress=plan.progress,
            tell=plan.tell,
        ),
        stage,
    )
    facts = {"team": plan.team, "sources": plan.sources, "at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    found = await asyncio.to_thread(_judged, folder / "history", stage, played, facts)
    if found.is_clean and not plan.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        kept = (folder / "history").relative_to(plan.project)
        found = replace(found, history=kept.as_posix())
    append(plan.rounds_file, found)
    return found


def _judged(folder: Path, stage: Stage, played: Played, facts: dict[str, str]) -> Round:
    history = read_history(folder)
    if stage.repeatable:
        # A thread of its own has no event loop yet.
        history = replace(history, reruns=asyncio.run(rerun(history, stage.description)))
    return account(history, played, check(history), facts)
