"""Ctrl-C ends a run of chaos soon, in one word, and leaves nothing of the round."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from tests.faults.troupe import ROOT, RUN
from tests.waiting import until

FAULTS_MIN = 4
PLAYING_WITHIN_S = 180.0
ENDED_WITHIN_S = 60.0


def faults_of(folder: Path) -> int:
    files = folder.glob(".handrail/chaos/*/history/faults.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in files)


async def test_a_run_that_is_interrupted_amid_its_faults_says_so_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*RUN, "chaos", "--team", "shipped", "--minutes", "2", "--faults", "kill"),
        *("--gap", "0.5", "--project", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        await until(
            lambda: faults_of(tmp_path) >= FAULTS_MIN, within_s=PLAYING_WITHIN_S, what="faults"
        )
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(ENDED_WITHIN_S):
            _, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 128 + signal.SIGINT
    told = words.decode()
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "Interrupted."
    assert list((tmp_path / ".handrail" / "chaos").iterdir()) == []
