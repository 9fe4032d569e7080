"""`handrail memory` on a real Kafka, beside a team that is up: looking, writing, taking back."""

import json
import os
import subprocess
import sys
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
from handrail import Access, Integrity, Memory, MemoryClass, PersonalData

class Fact(BaseModel):
    \"\"\"What is known.\"\"\"
    text: str

facts = Memory("facts", carries=Fact, keeps=MemoryClass.FACT)
tastes = Memory("tastes", carries=Fact, keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT))
rules = Memory("rules", carries=str, keeps=MemoryClass.PROCEDURE)
guesses = Memory("guesses", carries=str, keeps=MemoryClass.FACT,
    access=Access(integrity=Integrity.SYSTEM))
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


def typed(team: Project, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal at which a person types this; give its code and all it said."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "wb", 0) as keyboard, os.fdopen(theirs, "rb", 0) as terminal:
        keyboard.write(f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "handrail", *arguments],
            cwd=team.folder,
            env=team.environment,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
    return done.returncode, done.stdout


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


def test_a_record_is_removed_by_hand_once_it_was_shown_and_somebody_has_said_yes(
    shell: Shell, team: Project
) -> None:
    said, items = shell.said, shell.items
    remove = ("memory", "remove", "rules", "refund")
    said("memory", "put", "rules", "refund", "within 14 days", "--reason", "approved in case 7")

    planned = said(*remove, "--dry-run")
    unasked = said(*remove, ends=2)
    declined_with, declined = typed(team, "n", *remove)

    assert "within 14 days" in planned
    assert "Nothing was done: this was a dry run." in planned
    assert "HR-CLI-003" in unasked
    assert "handrail memory remove rules refund --if-version 1 --yes" in unasked
    assert declined_with == 130
    assert "within 14 days" in declined
    assert "Remove it?" in declined
    assert "Removed" not in planned + unasked + declined
    (still,) = items("memory", "get", "rules", "refund")
    assert "Why: approved in case 7" in said("memory", "get", "rules", "refund")
    assert (still["version"], still["state"]) == (1, "present")

    assert "HR-MEM" in said(*remove, "--if-version", "2", "--yes", ends=5)
    agreed_with, agreed = typed(team, "y", *remove, "--reason", "the law has changed")
    assert agreed_with == 0
    assert "Removed: rules/refund." in agreed

    said("memory", "get", "rules", "refund", ends=3)
    said(*remove, "--yes", ends=3)
    versions = items("memory", "history", "rules", "refund")
    assert [(one["state"], one["reason"]) for one in versions] == [
        ("earlier", "approved in case 7"),
        ("removed", "the law has changed"),
    ]
    assert "approved in case 7" in said("memory", "history", "rules", "refund")


def test_what_wants_somebody_is_listed_by_its_key_until_somebody_has_seen_to_it(
    shell: Shell,
) -> None:
    said, items = shell.said, shell.items
    said("memory", "put", "guesses", "moon", "is made of cheese")
    said("memory", "put", "tastes", "seat", fact("by the window"), "--subject", "eve")
    for key in ("list/one", "list/two"):
        said("memory", "put", "rules", key, "as ever")
    within = ("memory", "list", "rules", "--prefix", "list/")

    (hidden,) = items("memory", "list", "guesses", "--quarantined")
    counts = {one["space"]: one for one in items("memory", "list")}
    (of_eve,) = items("memory", "list", "tastes", "--subject", "eve")
    told = said("memory", "list", "tastes")
    bounded = said(*within, "--limit", "1")

    assert (hidden["key"], hidden["state"]) == ("moon", "quarantined")
    assert (counts["guesses"]["records"], counts["guesses"]["quarantined"]) == (1, 1)
    assert (of_eve["key"], of_eve["state"], of_eve["due"]) == ("seat", "present", False)
    assert of_eve["subject"] in told
    assert "Whom each is about stands as a digest" in told
    assert "eve" not in told.replace("never", "")
    assert "These are the first 1; to see more" in bounded
    assert "list/two" not in bounded
    assert [one["key"] for one in items(*within)] == ["list/one", "list/two"]
    assert items(*within, "--due") == items("memory", "list", "rules", "--flagged") == []

    said("memory", "endorse", "guesses", "moon", "--yes")
    assert items("memory", "list", "guesses", "--quarantined") == []

    before = items(*within)[0]
    assert "as version 2" in said("memory", "endorse", "rules", "list/one", "--yes")
    after = items(*within)[0]
    assert (after["version"], after["review"] > before["review"]) == (2, True)
