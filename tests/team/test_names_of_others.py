"""Installed packages called `agents`, `topics`, `tools` or `memory` and the team do not meet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LOAD = """
import json, pathlib, sys
from handrail.runtime.discovery import load_team
team = load_team(pathlib.Path(sys.argv[1]))
import agents, memory, tools, topics
marks = [module.MARK for module in (agents, memory, tools, topics)]
print(json.dumps({"agents": sorted(team.agents), "marks": marks}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of installed packages that bear the names of a team's folders."""
    for name in ("agents", "memory", "tools", "topics"):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(f"MARK = 'installed {name}'\n")
    return tmp_path


def load_beside(installed: Path, where: Path) -> dict:
    """Load the shipped team in a process of its own, with these packages installed beside it."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, ROOT],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("inside", [True, False], ids=["in the project", "elsewhere"])
def test_the_team_loads_and_the_installed_packages_still_import(
    installed: Path, tmp_path: Path, inside: bool
) -> None:
    loaded = load_beside(installed, ROOT if inside else tmp_path)

    assert loaded == {
        "agents": sorted(path.stem for path in (ROOT / "agents").glob("*.py")),
        "marks": [f"installed {name}" for name in ("agents", "memory", "tools", "topics")],
    }
