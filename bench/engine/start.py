"""How long `handrail up` takes until every process of the shipped team is ready."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEAM = ("agents", "topics", "tools", "memory", "desk")
STOPS_WITHIN_S = 60.0
_READY = re.compile(r"team is ready")


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from typing the command until the team is ready, run by run."""

    seconds: tuple[float, ...]


def starts(bootstrap: str | None, runs: int) -> Starts:
    """Bring the shipped team up and down; without an address each start starts a Kafka too.

    A first start, which indexes the documents and makes the topics, is not counted.
    """
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        project = Path(folder)
        for name in TEAM:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, project / name)
        shutil.copy(ROOT / "handrail.toml", project)
        return Starts(tuple(_start(project, bootstrap) for _ in range(1 + runs))[1:])


def _start(project: Path, bootstrap: str | None) -> float:
    command = [sys.executable, "-m", "handrail", "up", "--project", str(project)]
    if bootstrap is not None:
        command += ["--broker", bootstrap, "--namespace", f"up{project.name[-8:]}"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as team:
        assert team.stderr is not None
        said: list[str] = []
        for line in team.stderr:
            said.append(line)
            if _READY.search(line):
                break
        took_s = time.perf_counter() - begun
        team.send_signal(signal.SIGINT)
        said += team.stderr
        if team.wait(STOPS_WITHIN_S) != 0:
            raise RuntimeError("".join(said))
    return took_s
