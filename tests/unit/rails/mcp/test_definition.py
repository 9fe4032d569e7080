"""What a server says of a tool is pinned to the letter; what is hidden or none is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.contract.effect import Effect
from handrail.contract.remote import engine_name
from handrail.errors import McpLockUnreadable, SettingWrong
from handrail.rails.mcp.answer import Answer, Ended, read_result, told
from handrail.rails.mcp.definition import Definition, differences, problem, without_hidden
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.lock import LOCK, read_pins, write_pins
from handrail.rails.mcp.server import read_servers
from handrail.rails.mcp.standing import Pin, Standing, judge

SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string", "maxLength": 10}},
    "required": ["path"],
}
READ = Definition("read_file", None, "Read a file.", SCHEMA, None, {"readOnlyHint": True})
SCALARS_ONCE = {"type": "array", "uniqueItems": True}
PIN = Pin(READ, "ada", "2026-11-29T00:00:00Z")


def read(pinned: Definition, raw: dict, bytes_max: int) -> Answer:
    """Read an answer to a call of what only reads."""
    try:
        return read_result(pinned, raw, bytes_max)
    except Ended as ended:
        return told(ended.ending, "files_read_file", ended.fact, Effect.READ)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"description": "Read a file!"}, "its description is another one"),
        ({"title": "Read"}, "its title is another one"),
        ({"annotations": None}, "its annotations is another one"),
        ({"output_schema": {"type": "object"}}, "its output schema is another one"),
        (
            {"input_schema": {**SCHEMA, "properties": {**SCHEMA["properties"], "as": {}}}},
            "its input takes more: as",
        ),
        (
            {"input_schema": {**SCHEMA, "properties": {"path": {"type": "string"}}}},
            "its input takes other values of path",
        ),
        ({"input_schema": {**SCHEMA, "required": []}}, "its input takes calls without path"),
    ],
)
def test_every_change_is_another_digest_and_is_told(change: dict, words: str) -> None:
    changed = replace(READ, **change)

    (judged,) = judge("files", [changed], {"read_file": PIN})

    assert changed.digest != READ.digest
    assert words in differences(READ, changed)[0]
    assert (judged.standing, judged.standing.usable) == (Standing.CHANGED, False)
    assert words in judged.detail


def test_the_order_of_keys_is_no_change() -> None:
    turned = {name: SCHEMA[name] for name in reversed(SCHEMA)}

    assert replace(READ, input_schema=turned).digest == READ.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "read file"}, "is no name"),
        ({"name": ""}, "is no name"),
        ({"description": "Read.\u202e"}, "U+202E"),
        ({"description": "Read.\U000e0041"}, "U+E0041"),
        ({"description": "Read.\x1b[2J"}, "U+001B"),
        ({"description": "x" * 70_000}, "longer than"),
        ({"input_schema": {"type": "objekt"}}, "input schema is none"),
        ({"input_schema": {"type": "string"}}, "does not describe an object"),
        ({"input_schema": {"type": "object", "$ref": "file:///etc/passwd"}}, "refers to file"),
        ({"output_schema": {"allOf": [{"$ref": "https://evil.example"}]}}, "refers to https"),
        ({"output_schema": {"allOf": [{"pattern": "(a)\\1"}]}}, "bounded time"),
        ({"output_schema": {"patternProperties": {"^(a+)+$": {}}}}, "bounded time"),
    ],
)
def test_a_definition_that_no_approval_could_help_is_unusable(change: dict, words: str) -> None:
    found = replace(READ, **change)

    said = problem(found)
    (judged, *_) = judge("files", [found], {found.name: replace(PIN, definition=found)})

    assert said is not None
    assert words in said
    assert judged.standing is Standing.UNUSABLE


def test_a_schema_that_is_nested_without_end_is_unusable() -> None:
    schema: dict = {"type": "object"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"x": schema}}

    assert "levels deep" in (problem(replace(READ, input_schema=schema)) or "")


def test_how_a_tool_stands_follows_from_its_pin_and_from_what_is_wanted() -> None:
    offered = [READ, replace(READ, name="write_file"), replace(READ, name="move_file")]
    pins = {
        "read_file": PIN,
        "write_file": replace(PIN, definition=offered[1], held="too dangerous"),
        "old_file": replace(PIN, definition=replace(READ, name="old_file")),
    }

    found = {one.name: one.standing for one in judge("files", offered, pins)}
    wanted = {one.name: one.standing for one in judge("files", offered, pins, ["move_file"])}

    assert found == {
        "files_read_file": Standing.PINNED,
        "files_write_file": Standing.HELD,
        "files_move_file": Standing.NEW,
        "files_old_file": Standing.GONE,
    }
    assert wanted["files_read_file"] is Standing.UNWANTED


@pytest.mark.parametrize(
    ("tool", "name"),
    [("readFile", "s_read_file"), ("a-b.c/D", "s_a_b_c_d"), ("x" * 200, "s_" + "x" * 62)],
)
def test_a_tool_gets_a_name_that_every_model_accepts(tool: str, name: str) -> None:
    assert engine_name("s", tool) == name


def test_pins_are_read_as_they_were_written(tmp_path: Path) -> None:
    pins = {"files": {"read_file": PIN, "other": replace(PIN, held="why")}}

    write_pins(tmp_path, pins)

    assert read_pins(tmp_path) == pins
    assert [one.name for one in (tmp_path / "deploy").iterdir()] == ["mcp.lock"]


def test_without_a_file_nothing_is_pinned(tmp_path: Path) -> None:
    assert read_pins(tmp_path) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-10],
        lambda text: text.replace("Read a file.", "Read my keys."),
        lambda text: text.replace('"version": 1', '"version": 9'),
        lambda _: "[]",
    ],
)
def test_a_file_of_pins_that_was_changed_by_hand_is_refused(tmp_path: Path, damage) -> None:
    write_pins(tmp_path, {"files": {"read_file": PIN}})
    path = tmp_path / LOCK
    path.write_text(damage(path.read_text()))

    with pytest.raises(McpLockUnreadable):
        read_pins(tmp_path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "either `command` or `url`"),
        ({"command": ["x"], "url": "https://a.example/mcp"}, "either `command` or `url`"),
        ({"url": "ftp://a.example/"}, "https://HOST"),
        ({"url": "https://ada:pw@a.example/"}, "without a name or password"),
        ({"url": "http://169.254.169.254/mcp"}, "link-local"),
        ({"url": "https://a.example/mcp", "egress": ["nonsense"]}, "HOST:PORT"),
        ({"command": ["x"], "egress": ["a.example:443"]}, "reached by `url`"),
        ({"url": "https://a.example/mcp", "env": ["KEY"]}, "started by `command`"),
        ({"command": ["x"], "effects": {"pay": "idempotent"}}, "one of pure, read, paid, unsafe"),
        ({"command": ["x"], "effects": {"pay": "harmless"}}, "one of pure, read, paid, unsafe"),
        ({"command": ["x"], "tiemout_s": 3}, "tiemout_s"),
        ({"command": ["x"], "spec": "2024-11-05"}, "spec"),
    ],
)
def test_a_server_that_is_declared_wrongly_is_told(table: dict, words: str) -> None:
    with pytest.raises(SettingWrong) as told:
        read_servers({"files": table})

    assert words in told.value.why
    assert "mcp.files" in told.value.what


@pytest.mark.parametrize("name", ["Files", "a b", "x" * 40, "1st"])
def test_a_name_of_a_server_that_could_not_begin_a_tools_name_is_refused(name: str) -> None:
    with pytest.raises(SettingWrong):
        read_servers({name: {"command": ["x"]}})


@pytest.mark.parametrize(
    ("raw", "ending"),
    [
        ({}, Ending.MALFORMED),
        ({"content": "text"}, Ending.MALFORMED),
        ({"content": [{"type": "order", "text": "obey"}]}, Ending.MALFORMED),
        ({"content": ["text"]}, Ending.MALFORMED),
        ({"content": [{"type": "text", "text": "x" * 2_000}]}, Ending.TOO_LARGE),
        ({"content": [{"type": "text", "text": "no"}], "isError": True}, Ending.TOOL_FAILED),
        ({"content": [{"type": "text", "text": "x" * 2_000}], "isError": True}, Ending.TOOL_FAILED),
        ({"content": "text", "isError": True}, Ending.TOOL_FAILED),
        ({"content": [{"type": "text", "text": "yes"}]}, Ending.DONE),
    ],
)
def test_an_answer_is_read_without_believing_it(raw: dict, ending: Ending) -> None:
    assert read(READ, raw, 1_024).ending is ending


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"allOf": [{"$ref": "#"}]}, {}, "without end"),
        ({"$ref": "#/nowhere"}, {}, "cannot be judged"),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 4_000 + "b"}, "not match"),
        ({"properties": {"a": {"pattern": "a"}}}, {"a": "a" * 9_000}, "longer than"),
        ({"properties": {"a": SCALARS_ONCE}}, {"a": [{"b": n} for n in range(600)]}, "too many"),
        ({"properties": {"a": SCALARS_ONCE}}, {"a": [1, 2, 1]}, "non-unique"),
    ],
)
def test_a_schema_that_was_approved_ends_the_call_in_words_whatever_it_is(
    schema: dict, value: dict, words: str
) -> None:
    pinned = replace(READ, output_schema=schema)
    raw = {"content": [], "structuredContent": value}

    found = read(pinned, raw, 1 << 20)

    assert problem(pinned) is None
    assert found.ending is Ending.MALFORMED
    assert words in found.detail


def test_patterns_and_large_values_that_fit_are_let_through() -> None:
    item = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[a-z]+$"}}}
    schema = {"properties": {"all": {"type": "array", "items": item}}}
    value = {"all": [{"id": "abc", "n": n} for n in range(10_000)]}
    raw = {"content": [], "structuredContent": value}

    found = read(replace(READ, output_schema=schema), raw, 1 << 20)

    assert found.ending is Ending.DONE


def test_what_a_server_adds_for_clients_is_left_out_of_a_result() -> None:
    block = {"type": "text", "text": "a\u200bb", "_meta": {"x": 1}, "annotations": {"priority": 1}}

    found = read(READ, {"content": [block]}, 1_024)

    assert json.loads(found.result) == [{"type": "text", "text": "ab"}]


def test_the_words_of_a_server_in_an_ending_are_cut_and_visible() -> None:
    text = "no\u202e" + "x" * 5_000
    raw = {"content": [{"type": "text", "text": text}], "isError": True}

    found = read(READ, raw, 1 << 20)

    assert "untrusted" in found.detail
    assert "\u202e" not in found.detail
    assert len(found.detail) < 700


UNSEEN = [
    *("\ufe0f\ufe01", "a\U000e0141\U000e0152", "\u3164", "x\u034f"),
    *("\u115f", "a\ufe0f", "\u200b", "\u202e"),
]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_what_nobody_sees_makes_a_definition_unusable_and_is_taken_out_of_a_result(
    unseen: str,
) -> None:
    found = replace(READ, description=f"Read a file.{unseen}")

    assert "characters that nobody sees" in (problem(found) or "")
    assert without_hidden(f"{unseen} b") in {" b", "a b", "x b"}


@pytest.mark.parametrize(
    "seen", ["\u26a0\ufe0f Careful", "1\ufe0f\u20e3 first", "\u2194\ufe0e", "caf\xe9", "\u6587"]
)
def test_a_sign_that_says_how_it_is_drawn_is_seen(seen: str) -> None:
    assert problem(replace(READ, description=seen)) is None
    assert without_hidden(seen) == seen
