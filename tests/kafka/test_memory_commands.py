"""`handrail memory` on a real Kafka, beside a team that is up: looking, writing, taking back."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema
import pytest

from handrail.cli.main import main
from handrail.cli.output_schema import output_schema
from handrail.runtime.team_imports import close_projects
from tests.kafka.project import Project, project_of
from tests.waiting import until_now

FILES = {
    "topics/letters.py": """
from handrail import Topic
names = Topic("names", carries=str)
told = Topic("told", carries=str)
""",
    "tools/stamp.py": """
from handrail import Effect, Integrity, Reach, tool

@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def stamp(name: str) -> str:
    \"\"\"Stamp a letter, which nobody can take back.\"\"\"
    return name
""",
    "memory/facts.py": """
from pydantic import BaseModel
from handrail import Access, Memory, MemoryClass, PersonalData

class Fact(BaseModel):
    \"\"\"What is known.\"\"\"
    text: str

facts = Memory("facts", carries=Fact, keeps=MemoryClass.FACT)
tastes = Memory("tastes", carries=Fact, keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT))
""",
    "agents/greeter.py": """
from handrail import Context, agent
from tools.stamp import stamp
from topics.letters import names, told

@agent(reads=names, writes=told)
async def greeter(name: str, ctx: Context) -> str:
    return await ctx.call(stamp, name)
""",
    "agents/writer.py": """
from handrail import NEW, Context, agent, results
from memory.facts import Fact, facts
from topics.letters import told

@agent(reads=told, writes=results)
async def writer(name: str, ctx: Context) -> str:
    for number in range(4):
        fact = Fact(text=f"{name} came at {number}")
        await ctx.memory(facts).put(f"{name}/{number}", fact, expect=NEW)
    return name
""",
}


class Shell:
    """`handrail` as a person types it in the folder of a team that is up."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def said(self, *arguments: str, ends: int = 0) -> str:
        """Run a command; give all that it has said."""
        out, err = self._run(arguments, ends)
        return err + out

    def items(self, *arguments: str, ends: int = 0) -> list[dict[str, Any]]:
        """Run a command; give its rows, of the published form."""
        out, _ = self._run([*arguments, "-o", "json"], ends)
        document = json.loads(out)
        jsonschema.validate(document, output_schema())
        found: list[dict[str, Any]] = document["items"]
        return found

    def done(self, name: str) -> str:
        """Have a task done; give the id of the message with which it began."""
        self._run(["submit", name, "--wait", "--reference", name], 0)
        story = self.items("show", name)
        return next(str(one["facts"]["ce_id"]) for one in story if one["event"] == "Accepted")

    def _run(self, arguments: Sequence[str], ends: int) -> tuple[str, str]:
        self._capsys.readouterr()
        code = main([*arguments])
        out, err = self._capsys.readouterr()
        assert code == ends, (arguments, err + out)
        return out, err


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, broker: str) -> Iterator[Project]:
    """One team that is up for all tests of this file; none looks at what another writes."""
    folder = tmp_path_factory.mktemp("team")
    with project_of(folder, broker, FILES, partitions=1) as made:
        made.start("up", "--together")
        until_now(made.ready, within_s=120, what="the team is ready")
        yield made
    close_projects(folder)


@pytest.fixture
def shell(
    team: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    for name in ("HANDRAIL_BOOTSTRAP", "HANDRAIL_NAMESPACE", "HANDRAIL_PARTITIONS"):
        monkeypatch.setenv(name, team.environment[name])
    monkeypatch.chdir(team.folder)
    return Shell(capsys)


def fact(text: str) -> str:
    return json.dumps({"text": text})


def test_memory_is_written_looked_at_and_taken_back_by_hand(shell: Shell) -> None:
    said, items = shell.said, shell.items
    early, late = fact("the bridge opened in 1932"), fact("the bridge opened in 1938")
    said("memory", "put", "facts", "bridge", early)
    assert "at version 2" in said("memory", "put", "facts", "bridge", late, "--if-version", "1")
    assert "HR-MEM" in said("memory", "put", "facts", "bridge", early, "--if-version", "1", ends=5)

    (now,) = items("memory", "get", "facts", "bridge")
    (then,) = items("memory", "get", "facts", "bridge", "--as-of", "1")
    (found,) = items("memory", "search", "facts", "bridge")
    versions = items("memory", "history", "facts", "bridge")
    (differs,) = items("memory", "diff", "facts", "bridge", "1")

    assert (now["value"], then["value"]) == (json.loads(late), json.loads(early))
    assert (found["key"], [one["state"] for one in versions]) == ("bridge", ["earlier", "present"])
    assert (differs["before"], differs["after"]) == (then["value"]["text"], now["value"]["text"])
    assert "trusted as a person's already" in said("memory", "endorse", "facts", "bridge", "--yes")


def test_a_message_and_a_task_are_taken_back_with_what_others_have_written_because_of_them(
    shell: Shell,
) -> None:
    said, items = shell.said, shell.items
    message = shell.done("ada")
    shell.done("bob")

    planned = said("memory", "retract", message, "--dry-run")
    done = items("memory", "retract", message, "--yes")

    keys = [f"ada/{number}" for number in range(4)]
    assert all(key in planned for key in keys)
    assert "bob/" not in planned
    assert "Done already by greeter, and not taken back: stamp (task" in planned
    assert "not taken back: a message to results" in planned
    assert [(one["key"], one["state"]) for one in done] == [(key, "done") for key in keys]
    said("memory", "get", "facts", "ada/0", ends=3)
    assert "Memory holds nothing because of message" in said("memory", "retract", message)
    assert "has heard of such a message" in said("memory", "retract", "nobodys", ends=3)

    undone = items("memory", "undo", "bob", "--yes")

    assert [one["key"] for one in undone] == [f"bob/{number}" for number in range(4)]
    said("memory", "get", "facts", "bob/0", ends=3)


def test_a_person_is_held_released_and_forgotten_by_hand(shell: Shell) -> None:
    said, items = shell.said, shell.items
    said("memory", "put", "tastes", "drink", fact("likes tea"), "--subject", "ada")
    said("memory", "hold", "ada", "--reason", "case 7")

    assert "case 7" in said("memory", "forget", "ada", "--yes", ends=4)
    said("memory", "release", "ada")
    (planned,) = items("memory", "forget", "ada", "--dry-run")
    (receipt,) = items("memory", "forget", "ada", "--yes", "--reason", "she asked for it")
    again = said("memory", "forget", "ada", "--yes", ends=3)

    assert (planned["state"], planned["records"], planned["time"]) == ("planned", 1, None)
    assert (receipt["records"], receipt["versions"], receipt["key_destroyed"]) == (1, 1, True)
    assert (receipt["state"], receipt["reason"]) == ("done", "she asked for it")
    assert "they were forgotten at" in again
    said("memory", "get", "tastes", "drink", "--subject", "ada", ends=3)
    said("memory", "release", "ada", ends=3)
