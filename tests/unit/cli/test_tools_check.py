"""`handrail tools check` and the doctor refuse what no contract says, before anything is run."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from handrail.bus.settings_file import load_settings
from handrail.cli.checks import State, checks
from handrail.cli.main import main
from handrail.cli.output_schema import output_schema
from handrail.cli.team import remember_file

ROOT = Path(__file__).parents[3]
CRUDE = ROOT / "tests" / "mcp_servers" / "crude.py"
AGENT = '''
from handrail import Topic, agent

jobs = Topic("jobs", carries=str)


@agent(reads=jobs)
async def clerk(text: str) -> None:
    """Do nothing."""
'''
WIPE = '''
from handrail import tool


@tool
async def wipe(x: str) -> None:
    """Wipe it."""
'''
LOOK = '''
from handrail import Effect, Example, State, tool

SHOWN = [Example({"x": "a"}, "a")]


@tool(effect=Effect.PURE, failures=[State.NOT_FOUND], owner="us", examples=SHOWN)
async def look(x: str) -> str:
    """Look at it."""
    return x
'''
REMOTE = """
from handrail import remote_tool

echo = remote_tool("crude", "echo")
"""
MISSING = ("effect=", "failures=", "owner=", "examples=", "reach=", "permission=", "-> Model")


ALONE = '''
from handrail import Effect, tool

@tool(effect=Effect.READ)
async def lonely(word: str) -> str:
    """Say it."""
    return word
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team of one agent and no tool yet."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").write_text(AGENT)
    (tmp_path / "tools").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_tools(project: Path, *texts: str) -> None:
    """Give the team these tools."""
    for number, text in enumerate(texts):
        (project / "tools" / f"file_{number}.py").write_text(text)


def with_server(project: Path, mood: str) -> None:
    """Give the team a tool of a server that behaves like this."""
    command = json.dumps([sys.executable, "-S", str(CRUDE), mood])
    (project / "handrail.toml").write_text(f"[mcp.crude]\ncommand = {command}\n")
    with_tools(project, REMOTE)


def refused(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, list[str]]:
    """Give each tool that is refused with what it lacks; the code is the one of a refusal."""
    capsys.readouterr()
    assert main(["tools", "check", "-o", "json", *more]) == 9
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, output_schema())
    return {row["tool"]: row["missing"] for row in document["items"]}


async def doctors(project: Path) -> tuple[State, str, str | None]:
    """Give what the doctor says of contracts."""
    look = dict(checks(load_settings(project, {}), None, ""))["contracts"]
    found = await look()
    return found.state, found.finding, found.fix


async def test_a_contract_that_says_nothing_is_refused_with_every_missing_word(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_tools(project, LOOK, WIPE)

    assert main(["tools", "check"]) == 9
    shown = capsys.readouterr()
    assert [word for word in MISSING if f"  - {word}" not in shown.out] == []
    assert (shown.out.startswith("wipe\n"), "look" in shown.out) == (True, False)
    assert "1 of 2 tools" in shown.err
    assert list(refused(capsys)) == ["wipe"]
    state, finding, fix = await doctors(project)
    assert (state, fix) == (State.WARNING, "handrail tools check")
    assert "wipe (8)" in finding


async def test_complete_contracts_pass(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_tools(project, LOOK)

    assert main(["tools", "check"]) == 0
    assert "Every contract is complete." in capsys.readouterr().err
    assert (await doctors(project))[0] is State.OK


def test_a_remote_tool_is_refused_until_it_is_pinned_and_once_it_is_another_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_server(project, "well")
    unpinned = refused(capsys), refused(capsys, "--offline")
    assert main(["tools", "pin", "crude", "--by", "ada", "--yes"]) == 0
    assert main(["tools", "check"]) == 0

    with_server(project, "changed")

    assert "changed, " in refused(capsys)["crude_echo"][0]
    assert "its description is another one" in refused(capsys)["crude_echo"][0]
    for found in unpinned:
        assert "handrail tools pin crude_echo" in found["crude_echo"][0]


def test_a_remote_tool_whose_server_is_away_is_refused_but_offline(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_server(project, "well")
    assert main(["tools", "pin", "crude", "--by", "ada", "--yes"]) == 0
    (project / "handrail.toml").write_text('[mcp.crude]\ncommand = ["no-such-server"]\n')

    assert "away" in refused(capsys)["crude_echo"][0]
    assert main(["tools", "check", "--offline"]) == 0


def test_the_shipped_team_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)

    assert main(["tools", "check", "--offline"]) == 0
    assert "Every contract is complete." in capsys.readouterr().err


def test_the_tools_of_a_file_that_stands_alone_are_known_where_it_was_run_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "alone.py"
    file.write_text(f"{AGENT}\n{ALONE}")
    monkeypatch.chdir(tmp_path)
    remember_file(load_settings(tmp_path, {}), file)

    assert main(["tools", "list"]) == 0
    assert main(["tools", "show", "lonely"]) == 0
    assert main(["can", "ben", "tool.call", "lonely"]) == 0

    assert "# lonely" in capsys.readouterr().out
