"""`handrail tools remote` shows what servers offer, and writes down what a person approves."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from handrail.cli.main import main
from handrail.cli.output_schema import output_schema
from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.lock import LOCK, read_pins, write_pins
from handrail.rails.mcp.standing import Pin

CRUDE = Path(__file__).parents[2] / "mcp_servers" / "crude.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a server that works and one that is not there."""
    command = json.dumps([sys.executable, "-S", str(CRUDE), "well"])
    (tmp_path / "handrail.toml").write_text(
        f'[mcp.crude]\ncommand = {command}\n[mcp.gone]\ncommand = ["no-such-server"]\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """Standing and detail of each tool."""
    capsys.readouterr()  # what was said before
    assert main(["tools", "remote", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, output_schema())
    return {row["tool"]: (row["standing"], row["detail"]) for row in document["items"]}


@pytest.mark.usefixtures("project")
def test_what_nobody_has_approved_is_new_and_a_server_that_is_away_is_a_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = listed(capsys)

    assert found["crude_echo"] == ("new", "nobody has approved it yet")
    assert found["gone_…"][0] == "away"
    assert "no-such-server" in found["gone_…"][1]


def test_what_is_approved_is_written_whole_and_may_be_put_in_quarantine(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tools", "pin", "crude", "--by", "ada", "--yes"]) == 0
    pinned = listed(capsys)
    assert main(["tools", "quarantine", "crude_echo", "--reason", "it shouts"]) == 0
    held = listed(capsys)

    assert pinned["crude_echo"] == ("pinned", "approved by ada")
    assert held["crude_echo"] == ("held", "quarantined: it shouts")
    assert "Say it again." in (project / LOCK).read_text()
    assert read_pins(project)["crude"]["echo"].by == "ada"


def test_every_tool_that_is_known_by_a_name_is_put_in_quarantine_by_it(project: Path) -> None:
    def pinned(tool: str) -> dict[str, Pin]:
        return {tool: Pin(Definition(tool, None, "Pay.", {"type": "object"}, None, None), "a", "")}

    write_pins(project, {"bank": pinned("new_pay"), "bank_new": pinned("pay")})
    assert main(["tools", "quarantine", "bank_new_pay", "--reason", "it shouts"]) == 0

    held = [one.held for tools in read_pins(project).values() for one in tools.values()]
    assert held == ["it shouts", "it shouts"]


@pytest.mark.usefixtures("project")
def test_a_tool_is_shown_as_approved_and_as_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "show", "crude_echo"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["approved"] is None
    assert shown["offered"]["description"] == "Say it again."


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["pin", "crude"], "HR-CLI"),  # nobody is there to be asked
        (["pin", "crude_shout", "--yes"], "HR-MCP-005"),
        (["pin", "sea", "--yes"], "HR-MCP-005"),
        (["show", "crude_shout"], "HR-MCP-005"),
        (["quarantine", "crude_echo", "--reason", "x"], "HR-MCP-005"),
        (["pin", "gone", "--yes"], "HR-MCP-002"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_code(
    words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tools", *words]) != 0

    assert code in capsys.readouterr().err


def test_the_list_of_tools_says_what_keeps_a_remote_one_from_being_called(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {
        "agents/clerk.py": (
            "from handrail import Topic, agent\n"
            "@agent(reads=Topic('jobs', carries=str))\n"
            "async def clerk(text: str) -> None:\n    'Do nothing.'\n"
        ),
        "tools/echo.py": "from handrail import remote_tool\necho = remote_tool('crude', 'echo')\n",
    }.items():
        (project / name).parent.mkdir()
        (project / name).write_text(text)

    def missing() -> list[str]:
        capsys.readouterr()
        assert main(["tools", "list", "-o", "json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["items"]
        return row["missing"]

    new = missing()
    assert main(["tools", "pin", "crude", "--by", "ada", "--yes"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    pinned = missing()
    assert main(["tools", "quarantine", "crude_echo", "--reason", "it shouts"]) == 0
    said = capsys.readouterr().err
    held = missing()

    assert new == ["an approval of its definition (handrail tools pin crude_echo)"]
    assert "1 tool is approved by ada" in told
    assert pinned == []
    assert held == ["an approval anew: it is in quarantine, it shouts"]
    assert "refuse it from their next call on" in " ".join(said.split())
