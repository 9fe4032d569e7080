"""What commands write: tables for people, JSON after the published schema."""

import contextlib
import json
from pathlib import Path
from typing import get_args, get_type_hints

import jsonschema
import pytest

from handrail.cli.output import Column, Shape, show_line, show_rows
from handrail.cli.output_schema import KINDS, output_schema, schema_text
from handrail.cli.rail_rows import ToolRow
from handrail.cli.rows import (
    AgentRow,
    Row,
    SettingRow,
    TaskRow,
    TopicRow,
    VersionRow,
)
from handrail.cli.tools import COLUMNS as TOOL_COLUMNS
from handrail.cli.topics import COLUMNS as TOPIC_COLUMNS
from tests.unit.cli.screen import Screen

ROOT = Path(__file__).resolve().parents[3]
TASKS = [
    TaskRow(
        "t1", "invoice-7", "working", "2026-01-02T03:04:05.678Z", None, 3, "Working: 3 at\nx\x1b[2J"
    ),
    TaskRow("t2", None, "completed", None, "2026-01-02T03:04:06.000Z", 0, "Completed."),
]
COLUMNS = (
    Column("TASK", "id"),
    Column("STATE", "state"),
    Column("REFERENCE", "reference", absent="–"),
    Column("OPEN", "open", right=True),
    Column("CHANGED", "changed"),
    Column("WHY", "reason", absent=""),
)


def test_a_table_is_aligned_inert_and_says_what_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_rows("tasks", TASKS, COLUMNS, Shape.TABLE, empty="")

    assert capsys.readouterr().out == (
        "TASK  STATE      REFERENCE  OPEN  CHANGED                   WHY\n"
        "t1    working    invoice-7     3  unknown                   Working: 3 at x\\x1b[2J\n"
        "t2    completed  –             0  2026-01-02T03:04:06.000Z  Completed.\n"
    )


def test_a_column_of_several_words_joins_them_and_has_a_dash_for_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        ToolRow("refund", "unsafe", "external", "none", None, "1", ("owner=", "retry=")),
        ToolRow("find", "read", "external", "none", None, "1", ()),
    ]

    show_rows("tools", rows, TOOL_COLUMNS, Shape.TABLE, empty="")

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("not said  owner=, retry=")
    assert lines[2].endswith("not said  –")


LONG_TASKS = [
    TaskRow(f"{n}" * 36, f"invoice-{n}", "working", None, "2026-01-02T03:04:06.000Z", 3, "Why not.")
    for n in (1, 2)
]
TOPICS = [
    TopicRow("my-team.names", "work enters here: agent greeter", "task", 12, "7 days", "missing"),
    TopicRow(
        "my-team.greeter.journal",
        "what agent greeter is about to do and what came out of it",
        "invocation/kind/step or part",
        12,
        "the last of each key",
        "as planned",
    ),
]


def test_on_a_narrow_terminal_sentences_go_on_under_their_title_and_names_stay_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    screen = Screen()

    with contextlib.redirect_stdout(screen):
        show_rows("topics", TOPICS, TOPIC_COLUMNS, Shape.TABLE, empty="")

    lines = screen.getvalue().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 110
    start, end = lines[0].index("FOR"), lines[0].index("KEY")
    told = " ".join(line[start:end].strip() for line in lines[1:])
    assert told.split() == [word for row in TOPICS for word in row.purpose.split()]
    assert sum("my-team.greeter.journal" in line for line in lines) == 1


@pytest.mark.parametrize("room", [40, 60, 80])
def test_columns_that_have_no_room_stand_below_the_others_in_their_order(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    screen = Screen()

    with contextlib.redirect_stdout(screen):
        show_rows("tasks", LONG_TASKS, COLUMNS, Shape.TABLE, empty="")

    out = screen.getvalue()
    lines = out.splitlines()
    assert max(map(len, lines)) <= room
    assert out.split()[:6] == [column.title for column in COLUMNS]
    assert lines[1].startswith("    ")
    for task in LONG_TASKS:
        assert out.count(task.id) == 1
        assert out.count(task.reference or "") == 1


def test_into_a_pipe_every_row_is_one_whole_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    show_rows("topics", TOPICS, TOPIC_COLUMNS, Shape.TABLE, empty="")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for row, line in zip(TOPICS, lines[1:], strict=True):
        assert all(text in line for text in (row.name, row.purpose, row.key, row.state))


def test_json_is_one_document_of_the_published_form(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows("tasks", TASKS, COLUMNS, Shape.JSON, empty="")

    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, output_schema())
    assert document["kind"] == "tasks"
    assert document["version"] == 1
    assert document["items"][0] == {
        "id": "t1",
        "reference": "invoice-7",
        "priority": "normal",
        "state": "working",
        "submitted": "2026-01-02T03:04:05.678Z",
        "changed": None,
        "open": 3,
        "reason": "Working: 3 at\nx\x1b[2J",
    }


def test_jsonl_is_an_item_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows("tasks", TASKS, COLUMNS, Shape.JSONL, empty="")
    show_line(VersionRow("handrail", None))

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines[:2]] == ["t1", "t2"]
    assert lines[2] == '{"name":"handrail","version":null}'


def test_nothing_is_a_sentence_for_people_and_an_empty_list_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_rows("tasks", [], COLUMNS, Shape.TABLE, empty="There are no such tasks.")
    assert capsys.readouterr() == ("", "There are no such tasks.\n")

    show_rows("tasks", [], COLUMNS, Shape.JSON, empty="There are no such tasks.")
    assert json.loads(capsys.readouterr().out)["items"] == []


def test_lists_and_truth_are_written_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [AgentRow("writer", "findings", ["drafts", "results"], "agents/writer.py", None, 0)]
    columns = (Column("WRITES", "writes"), Column("PROCESSES", "processes"))

    show_rows("agents", rows, columns, Shape.TABLE, empty="")

    assert "drafts, results  unknown" in capsys.readouterr().out


def test_the_published_schema_is_the_one_of_the_rows() -> None:
    published = (ROOT / "docs/guide/output.schema.json").read_text(encoding="utf-8")

    assert published == schema_text(), "python -m handrail.cli.output_schema writes it anew"


def test_a_document_that_is_not_of_the_form_is_refused() -> None:
    for planted in (
        {"kind": "tasks", "version": 1, "items": [{"id": "t1"}]},
        {"kind": "task", "version": 1, "items": []},
        {"kind": "version", "version": 2, "items": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(planted, output_schema())


def test_every_row_has_a_kind_and_every_kind_a_row() -> None:
    assert set(KINDS.values()) == set(get_args(Row))
    assert set(get_type_hints(SettingRow)) == {"key", "value", "source", "detail"}
