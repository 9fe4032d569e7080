"""`handrail memory`: the policy needs no broker; what is missing is said before one is asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from handrail.cli.main import main
from handrail.cli.memory_rows import memory_row
from handrail.cli.output import Shape, show_rows
from handrail.cli.output_schema import output_schema
from handrail.cli.remembered_rows import (
    MemoryChangeRow,
    MemoryDiffRow,
    MemoryListRow,
    MemoryManifestRow,
    MemoryReceiptRow,
    MemoryRefusedRow,
    MemoryRow,
    MemorySpaceRow,
)
from handrail.errors import NothingRemembered
from handrail.runtime.team_imports import close_projects
from handrail.wire.memory import StoredRecord, full_key

AGENT = """
from handrail import Topic, agent, results
names = Topic("names", carries=str)
@agent(reads=names, writes=results)
async def greeter(name: str) -> str:
    return name
"""
SPACE = '''
from pydantic import BaseModel
from handrail import Access, Memory, MemoryClass, PersonalData
class Taste(BaseModel):
    """What somebody likes."""
    likes: str
tastes = Memory("tastes", carries=Taste, keeps=MemoryClass.PREFERENCE,
    access=Access(writers=("greeter",), personal=PersonalData.SUBJECT))
reviews = Memory("reviews", carries=str, keeps=MemoryClass.DECISION)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in (("agents/greeter.py", AGENT), ("memory/tastes.py", SPACE)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for variable in ("HANDRAIL_BOOTSTRAP", "HANDRAIL_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    yield tmp_path
    close_projects(tmp_path)


@pytest.mark.usefixtures("project")
def test_the_policy_of_every_space_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "policy"]) == 0

    told = capsys.readouterr().out
    assert told.splitlines() == [
        "reviews",
        "  Persists for ever.",
        "  Can never be changed, nor be removed.",
        "  Never expires.",
        "  Read by every agent; written by every agent.",
        "  What comes from untrusted input is stored with a label that says so.",
        "  Holds nothing about a person; no key of a person seals it.",
        "  At most 1000000 records and 1024 MiB for each tenant.",
        "",
        "tastes (preference): What somebody likes.",
        "  Persists until it is erased.",
        "  Changed only by whoever names the version that they change.",
        "  Never expires; wants a look after 180 days.",
        "  Read by every agent; written by greeter.",
        "  What comes from untrusted input is never stored.",
        "  About a person: sealed with that person's key, and gone when they are forgotten.",
        "  At most 1000000 records and 1024 MiB for each tenant.",
    ]


@pytest.mark.usefixtures("project")
def test_the_policy_is_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "policy", "tastes", "-o", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, output_schema())
    (item,) = document["items"]
    assert (item["space"], item["keeps"], item["writers"]) == ("tastes", "preference", ["greeter"])


@pytest.mark.usefixtures("project")
def test_a_space_that_is_not_declared_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "policy", "facts"]) == 3

    told = capsys.readouterr().err
    assert "no memory space facts" in told
    assert "reviews, tastes" in told
    assert "HR-MEM-002" in told


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "tastes", "k", "--as-of", "yesterday"],
        ["get", "tastes", "k", "--as-of", "2026-11-28T14:00:00"],
        ["hold", "ada"],
        ["put", "tastes", "k", "{}", "--if-version", "-1"],
        ["diff", "tastes", "k"],
        ["list", "--due"],
        ["list", "--subject", "ada"],
        ["list", "reviews", "--subject", "ada"],
        ["list", "tastes", "--limit", "0"],
        ["put", "reviews", "tel/+491701234567", "x"],
        ["put", "reviews", "DE89370400440532013000", "x"],
        ["put", "reviews", "card/4111-1111-1111-1111", "x"],
    ],
)
def test_what_cannot_be_meant_is_said_before_a_broker_is_asked(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["memory", *arguments]) == 2

    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("project")
def test_a_secret_about_a_person_is_refused_before_it_is_sealed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = json.dumps({"likes": "AKIA" + "ABCDEFGHIJKLMNOP"})

    assert main(["memory", "put", "tastes", "k", value, "--subject", "ada"]) == 4

    told = capsys.readouterr().err
    assert "HR-MEM-021" in told
    assert "it holds what looks like" in told


@pytest.mark.usefixtures("project")
def test_what_is_refused_is_told_with_its_cure_as_it_is_to_be_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["memory", "put", "reviews", "k", "write to ada@example.org"]) == 4

    told = " ".join(capsys.readouterr().err.split())
    assert "Access(personal=PersonalData.SUBJECT)" in told


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_a_decision_is_never_removed_and_no_broker_is_asked(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["memory", "remove", "reviews", "k", option]) == 4

    told = " ".join(capsys.readouterr().err.split())
    assert "a record of class decision is never removed" in told
    assert "write a record that says what is different now" in told


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "reviews", "k"],
        ["put", "reviews", "k", "x"],
        ["endorse", "reviews", "k", "--yes"],
        ["remove", "tastes", "k", "--yes", "--subject", "ada"],
        ["search", "reviews", "x"],
        ["list"],
        ["list", "tastes", "--due"],
        ["history", "reviews", "k"],
        ["diff", "reviews", "k", "1"],
        ["undo", "t1", "--dry-run"],
        ["retract", "m1"],
        ["manifest", "t1"],
        ["refused"],
        ["forget", "ada", "--yes"],
        ["hold", "ada", "--reason", "x"],
        ["release", "ada"],
    ],
)
def test_without_a_broker_every_command_says_so(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["memory", *arguments]) == 8

    assert "HR-NET" in capsys.readouterr().err


ROWS = {
    "memory": MemoryRow(
        space="facts",
        key="order/42",
        version=3,
        value={"paid": True},
        state="present",
        by="clerk",
        task="t1",
        message="m1",
        written="2026-11-28T14:00:00Z",
        expires=None,
        derived_from=["facts/default/-/order/41@1"],
        confidence=0.5,
        label=None,
        tool="2 note",
        model=None,
        takes_back=2,
        reason="approved in case 7",
        score=None,
    ),
    "memory-changes": MemoryChangeRow("facts", "order/42", 3, "removes it", "done", None),
    "memory-list": MemoryListRow(
        space="tastes",
        key="drink",
        subject="d1",
        scratch_of=None,
        version=3,
        by="clerk",
        task="t1",
        written="2026-11-28T14:00:00Z",
        expires=None,
        state="review due since 2027-05-27T14:00:00Z",
        quarantined=False,
        flagged=None,
        review="2027-05-27T14:00:00Z",
        due=True,
    ),
    "memory-spaces": MemorySpaceRow("tastes", "preference", 4, 1, 0, 2),
    "memory-diff": MemoryDiffRow("paid", None, True),
    "memory-manifest": MemoryManifestRow(
        prompt=1,
        agent="clerk",
        step="2",
        space="facts",
        key="order/42",
        version=3,
        score=1.25,
        tokens=11,
        left_out=None,
        invocation="i1",
        budget=600,
        sha256="ab",
    ),
    "memory-refused": MemoryRefusedRow("facts", "echo", "clerk", 3, "2026-11-28T14:00:00Z"),
    "memory-receipts": MemoryReceiptRow(
        subject="ada",
        digest="d1",
        records=2,
        versions=5,
        elsewhere=1,
        left=0,
        key_destroyed=True,
        time="2026-11-28T14:00:00Z",
        state="done",
        by="person:eve",
        reason="she asked for it",
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_what_memory_writes_is_of_the_published_form(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_rows(kind, [ROWS[kind]], (), Shape.JSON, empty="")

    jsonschema.validate(json.loads(capsys.readouterr().out), output_schema())


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"reason": "case 7"}, "case 7"),
        ({"removed": True, "reason": "case 7"}, "case 7"),
        ({"removed": True, "flagged": "case 6"}, "case 6"),
        ({"flagged": "it was retracted"}, None),
        ({}, None),
    ],
)
def test_a_version_is_shown_with_the_reason_that_was_given_for_it(
    facts: dict[str, Any], said: str | None
) -> None:
    stored = StoredRecord(
        space="rules",
        key=full_key("acme", "refund"),
        version=1,
        type_name="str.v1",
        value="within 14 days",
        applied=1,
        written_ms=1,
        agent="person:ada",
        **facts,
    )
    nothing_sealed: Any = SimpleNamespace(keys=None)

    reason = memory_row(stored, nothing_sealed, present=True).reason

    assert reason == said


def test_what_is_advised_where_nothing_is_remembered_can_be_pasted_as_it_stands() -> None:
    commands = [line.partition("  ")[0] for line in NothingRemembered(what="a/b", detail="x").do]

    assert commands == ["handrail memory list", "handrail memory policy"]
