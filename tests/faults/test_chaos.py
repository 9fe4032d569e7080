"""Rounds of every fault on a real Kafka break no promise, and what is planted is found.

`HANDRAIL_CHAOS_MINUTES` plays longer, `HANDRAIL_SEED` plays a seed again.
"""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from handrail.chaos.checker.check import check
from handrail.chaos.folder import read
from handrail.chaos.jobs import Mixture
from handrail.chaos.play import RoundPlan, play
from handrail.chaos.stage import chaos_loads, chaos_team
from handrail.chaos.strikes import Kind, Severity
from tests.faults.troupe import ROOT, RUN, project

MINUTES = os.environ.get("HANDRAIL_CHAOS_MINUTES", "2")
SEED = os.environ.get("HANDRAIL_SEED", "")
PLAYED_WITHIN_S = float(MINUTES) * 60 + 900
ROUNDS_MAX = 3  #: in which a planted fault has to be found
NEVER = {
    "lost",
    "doubled",
    "unsafe effects doubled",
    "torn",
    "reordered",
    "steps repeated",
    "zombie writes",
    "left hanging",
    "other promises broken",
}


async def chaos(folder: Path, *arguments: str, **more: str) -> tuple[int, bytes, str]:
    """Run `handrail chaos` on a folder; gives its code, its data and its words."""
    command = [*RUN, "chaos", "--project", str(folder), "-o", "json", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
    )
    async with asyncio.timeout(PLAYED_WITHIN_S):
        out, words = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, words.decode()


async def test_rounds_of_every_fault_break_no_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = ("--seed", SEED) if SEED else ()

    code, out, words = await chaos(
        tmp_path, "--team", "shipped", "--minutes", MINUTES, "--unsafe", "0.1", *seed
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{words}")

    assert code == 0, words
    figures = {row["what"]: row for row in orjson.loads(out)["items"]}
    assert {what for what, row in figures.items() if row["found"] == 0} >= NEVER
    assert figures["lost"]["out_of"] > 0
    assert figures["steps repeated"]["out_of"] > 0
    left = [path.name for path in (tmp_path / ".handrail" / "chaos").iterdir()]
    assert left == ["rounds.jsonl"], "a clean round leaves a line and nothing else"


async def test_a_teams_own_project_is_played_as_a_copy_and_its_effects_are_stood_in_for(
    tmp_path: Path,
) -> None:
    team = Path(__file__).parent / "payers"
    folder = project(tmp_path / "team", "203.0.113.1:9092", "precious", team=team, intake="bills")
    real = tmp_path / "effects.txt"
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}

    code, out, words = await chaos(
        folder, "--minutes", "0.5", "--faults", "kill", "--keep", EFFECTS_FILE=str(real)
    )

    assert code == 0, words
    assert {path: path.read_bytes() for path in before} == before
    (history,) = folder.rglob("history")
    (line,) = (folder / ".handrail" / "chaos" / "rounds.jsonl").read_bytes().splitlines()
    assert orjson.loads(line)["history"] == history.relative_to(folder).as_posix()
    acted = {effect.tool for effect in read(history).effects}
    assert acted == {"think", "pay"}, "the provider kept account of what has an effect"
    assert {line.split()[0] for line in real.read_text().splitlines()} == {"look"}
    figures = {row["what"]: row for row in orjson.loads(out)["items"]}
    assert figures["in doubt"]["out_of"] > 0, "unsafe steps were taken"


@pytest.mark.parametrize(
    ("program", "plant", "kinds", "invariants"),
    [
        ("planted_steps.py", "no intent", (Kind.KILL,), {"I2", "I5", "I6"}),
        # The freezes explain no repeat by whoever was killed.
        ("planted_steps.py", "recorded look is asked again", (Kind.FREEZE, Kind.KILL), {"I5"}),
        # Nobody dies, and paid calls are lost all the same.
        ("planted_moves.py", "acts are cut off", (Kind.REBALANCE,), {"I5"}),
    ],
)
async def test_a_fault_planted_in_the_protocol_is_found_by_the_same_rounds(
    tmp_path: Path, program: str, plant: str, kinds: tuple[Kind, ...], invariants: set[str]
) -> None:
    planted = str(Path(__file__).parent / program)
    found: set[str] = set()
    for seed in range(1, ROUNDS_MAX + 1):  # chance has it whether a fault meets what is under way
        folder = tmp_path / str(seed)
        loads = chaos_loads(seed, 80, Mixture(unsafe=0.3))
        sound = chaos_team(folder / "team", "planted", loads)
        stage = replace(
            sound,
            program=(sys.executable, planted, plant, "run"),
            environment={**sound.environment, "PYTHONPATH": str(ROOT)},
        )
        plan = RoundPlan(
            seed=seed,
            folder=folder,
            over_s=20.0,
            kinds=kinds,
            processes=6,
            severity=Severity(gap_s=1.0, moments_with=stage.steps),
        )

        await play(plan, stage)

        found |= {violation.invariant for violation in check(read(plan.history))}
        if found & invariants:
            break
    assert found & invariants, found
