"""`handrail doctor` attempts what the sandbox forbids and tells which level holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.bus.settings_file import load_settings
from handrail.cli.checks import State, sandbox
from handrail.runtime.team_imports import close_projects

AGENT = """
import os

from handrail import Topic, agent, results, tool

PRINTER, jobs = os.environ["PRINTER"], Topic("jobs", carries=str)


@tool
async def printed(page: str) -> str:
    "Print a page."
    return page


@agent(reads=jobs, writes=results)
async def clerk(page: str) -> str:
    return page
"""


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Path]:
    """A team with a confined tool in a file that wants something of its environment."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").write_text(AGENT)
    yield tmp_path
    close_projects(tmp_path)


async def test_the_level_of_the_sandbox_that_holds_here_is_told(tmp_path: Path) -> None:
    outcome = await sandbox(load_settings(tmp_path, {}, {}))

    words = {State.OK: "holds: all that it forbids was attempted", State.WARNING: "No level holds"}
    assert words[outcome.state] in outcome.finding
    assert outcome.state is State.OK or outcome.fix


async def test_tools_that_the_sandbox_cannot_load_are_a_fault_with_its_reason(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRINTER", "is known to the agents alone")

    outcome = await sandbox(load_settings(team, {}, {}))

    assert outcome.state is State.FAILED
    assert "KeyError: 'PRINTER'" in outcome.finding
    assert outcome.fix == "handrail runbook HR-BOX-001"
