"""What commands say when no broker runs: never a traceback, always what to do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.cli.dev import changed, snapshot
from handrail.cli.main import main
from handrail.runtime.team_imports import close_projects

AGENT = """
from handrail import Topic, agent, results
names = Topic("names", carries=str)
@agent(reads=names, writes=results)
async def greeter(name: str) -> str:
    return name
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A team of one agent in the working folder, without any broker."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "greeter.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    for variable in ("HANDRAIL_BOOTSTRAP", "HANDRAIL_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    yield tmp_path
    close_projects(tmp_path)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "Ada"],
        ["submit", "Ada", "--as", "ben"],
        ["send", "names", "Ada", "--as", "ben"],
        ["list"],
        ["show", "t1"],
        ["watch", "t1"],
        ["result", "t1"],
        ["cancel", "t1", "--reason", "a typo"],
        ["tail", "names"],
        ["topics", "plan"],
        ["topics", "apply"],
        ["topics", "inspect", "names"],
        ["agents", "show", "greeter"],
        ["dead", "list"],
        ["dead", "show", "greeter/0/0"],
        ["people"],
        ["answer", "t1", "yes"],
        ["approve", "t1"],
        ["deny", "t1", "--reason", "too much"],
        ["doubt", "list"],
        ["doubt", "resolve", "t1", "--did-not-happen"],
        ["run", "greeter"],
    ],
    ids=" ".join,
)
def test_what_needs_a_broker_ends_with_8_and_says_how_to_start_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 8

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Cannot reach Kafka at ")
    assert "handrail up" in shown.err


@pytest.mark.usefixtures("project")
def test_what_the_files_say_is_shown_without_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "list", "-o", "json"]) == 0
    (agent,) = json.loads(capsys.readouterr().out)["items"]
    assert agent == {
        "name": "greeter",
        "reads": "names",
        "writes": ["results"],
        "file": "agents/greeter.py",
        "processes": None,
        "waiting": None,
        "inboxes": 1,
    }

    assert main(["topics", "list", "-o", "json"]) == 0
    topics = json.loads(capsys.readouterr().out)["items"]
    assert {topic["state"] for topic in topics} == {"unknown"}
    assert main(["status"]) == 0
    assert main(["down"]) == 0


@pytest.mark.usefixtures("project")
def test_the_doctor_names_the_missing_broker_and_ends_with_9(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "-o", "json"]) == 9

    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)["items"]}
    assert [one["number"] for one in checks.values()] == list(range(1, len(checks) + 1))
    assert checks["broker"]["state"] == "failed"
    assert checks["broker"]["fix"] == "handrail up"
    assert checks["topics"]["state"] == "skipped"
    assert checks["Python"]["state"] == checks["team"]["state"] == "ok"


def test_broken_files_show_the_users_traceback_first(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "agents" / "greeter.py").write_text("import json\njson.loads('{')\n")

    assert main(["up"]) == 2

    shown = capsys.readouterr().err
    assert shown.index("json.loads('{')") < shown.index("agents/greeter.py could not be loaded.")
    assert "HR-LOAD-002" in shown


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("scale", ["greeter", "greeter=x", "nobody=2", "greeter=-1"])
def test_a_scale_that_cannot_be_is_refused_before_anything_starts(
    scale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--scale", scale]) == 2

    assert "HR-UP-005" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_one_process_for_everything_cannot_be_several_of_an_agent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["up", "--together", "--scale", "greeter=2"]) == 2

    assert "--together runs all agents in one process" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_the_status_says_in_sentences_that_nothing_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["status"]) == 0

    said = capsys.readouterr().err
    assert "Cannot reach Kafka at any address. No cluster is configured" in said
    assert "No process of this team runs here." in said


@pytest.mark.usefixtures("project")
def test_wiping_asks_first_and_without_a_terminal_wants_a_flag() -> None:
    Path(".handrail").mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "handrail", "down", "--wipe"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "HR-CLI-003" in done.stderr
    assert main(["down", "--wipe", "--yes"]) == 0


@pytest.mark.usefixtures("project")
def test_an_unknown_log_names_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    logs = Path(".handrail/logs")
    logs.mkdir(parents=True)
    (logs / "greeter.log").write_text("one\ntwo\nthree\n")

    assert main(["logs", "writer"]) == 3
    assert "there are logs of greeter." in capsys.readouterr().err
    assert main(["logs", "greeter", "-n", "2"]) == 0
    assert capsys.readouterr().out == "two\nthree\n"


@pytest.mark.usefixtures("project")
def test_tail_wants_a_topic_or_a_task_and_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail"]) == 2
    assert main(["tail", "names", "--task", "t1"]) == 2
    assert "--task ID" in capsys.readouterr().err


def test_dev_starts_nothing_where_there_is_no_team(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--project", str(tmp_path), "dev"]) == 3

    assert "There is no team in" in capsys.readouterr().err
    assert not (tmp_path / ".handrail").exists()


def test_dev_sees_files_that_are_changed_added_and_taken_away(project: Path) -> None:
    (project / ".venv" / "lib").mkdir(parents=True)
    (project / ".venv" / "lib" / "x.py").touch()
    (project / "topics").mkdir()
    old = project / "topics" / "old.py"
    old.touch()
    before = snapshot(project)

    (project / "agents" / "greeter.py").write_text(AGENT + "# changed\n")
    (project / "topics" / "new.py").touch()
    (project / ".venv" / "lib" / "y.py").touch()
    (project / "notes.txt").touch()
    old.unlink()

    assert changed(before, snapshot(project)) == "greeter.py, new.py, old.py"


@pytest.mark.usefixtures("project")
def test_every_code_has_a_page_that_can_be_read_offline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runbook", "-o", "json"]) == 0
    codes = [one["code"] for one in json.loads(capsys.readouterr().out)["items"]]

    assert main(["runbook", "hr-net-001"]) == 0
    assert capsys.readouterr().out.startswith("# HR-NET-001")
    assert len(codes) == len(set(codes))
    assert "HR-UP-003" in codes
