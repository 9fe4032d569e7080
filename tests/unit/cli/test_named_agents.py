"""Which agents the words of `handrail run` name."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from handrail.bus.settings import Settings
from handrail.bus.settings_file import load_settings
from handrail.cli.main import main
from handrail.cli.team import team_and_agents, warn_of_scale
from handrail.errors import AgentUnknown, TeamFileMissing
from handrail.runtime.team_imports import close_projects

ALONE = """
from handrail import Topic, agent

words = Topic("words", carries=str)

@agent(reads=words)
async def lonely(word: str) -> None:
    return None
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "desk"
    assert main(["init", str(folder), "--template", "desk"]) == 0
    monkeypatch.chdir(folder)
    yield folder
    close_projects(tmp_path)


def named(folder: Path, *words: str) -> list[str]:
    _, agents = team_and_agents(load_settings(folder, {}, {}), words)
    return [agent.name for agent in agents]


def test_a_name_and_a_file_of_the_projects_agents_name_the_same_agent_once(desk: Path) -> None:
    assert named(desk, "agents/writer.py", "planner") == ["writer", "planner"]
    assert named(desk, "writer", "./agents/writer.py") == ["writer"]
    assert len(named(desk, ".", "writer")) == 6


def test_a_file_that_stands_alone_is_a_team_of_its_own(desk: Path) -> None:
    (desk / "lonely.py").write_text(ALONE)

    assert named(desk, "lonely.py") == ["lonely"]


def test_two_files_of_which_one_stands_alone_are_refused_in_words(desk: Path) -> None:
    (desk / "lonely.py").write_text(ALONE)

    with pytest.raises(click.UsageError, match=r"lonely\.py stands alone"):
        named(desk, "lonely.py", "agents/writer.py")


def test_what_is_not_there_is_told_by_its_name(desk: Path) -> None:
    with pytest.raises(TeamFileMissing):
        named(desk, "agents/nobody.py")
    with pytest.raises(AgentUnknown):
        named(desk, "writer", "wrter")


def test_a_number_of_processes_for_an_agent_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_of_scale(Settings(), {"reader": 2, "wrter": 3}, ["reader", "writer"])

    assert capsys.readouterr().err == (
        "Warning: scale.wrter is without effect, since this team has no agent called wrter;"
        " its agents are reader, writer. Where it is set: handrail config show\n"
    )
