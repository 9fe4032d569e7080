"""What is wrong with a policy is told with its file and its line."""

from pathlib import Path

import pytest

from handrail.errors import PolicyInvalid
from handrail.rails.cedar import CedarPolicy
from handrail.rails.cedar_text import statements
from handrail.rails.policy import Access
from handrail.rails.policy_files import policy_in

SOUND = (
    '// A rule; with a semicolon and a "quote.\n@id("all") permit (principal, action, resource);\n'
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (SOUND + '@id("x")\npermit (\n  principal,\n  action action,\n  resource);', 6, "action"),
        (SOUND + '@id("x") permit (principal, action, resource)\nunles { 1 };', 4, "unles"),
        (SOUND + '\n@id("x") permit (principal,\n in Foo, action, resource);', 5, "in"),
        (SOUND + '@id("x") permit (\nprincipal in Foo, action, resource);', 4, "Foo"),
        (SOUND + '\n\n@id("x") permit (principal, action', 5, "not finished"),
        (SOUND + '\n@id("x") permit (principal, action, resource)', 4, "not finished"),
        (SOUND + "permit (principal, action, resource);", 3, "no @id"),
        (SOUND + '\n@id("x") forbid (principal, action, resource);', 4, "no @title, @remedy"),
        (SOUND + '@id("x") permit (principal == ?principal, action, resource);', 3, "by a `?`"),
        (SOUND + '@id("x") permit (principal,\naction == Action::"tool.cal", resource);', 4, "act"),
        (SOUND + '@id("x") permit (principal == Persn::"a",\n action, resource);', 3, "Persn"),
        (SOUND + '@id("x") permit (principal, action,\n resource is Toool);', 4, "Toool"),
        (
            SOUND
            + '@id("x") permit (principal, action, resource)\nwhen {\n resource == Tol::"a"};',
            5,
            "there is no kind of thing Tol",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_file_and_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "a.cedar").write_text(SOUND)
    (folder / "b.cedar").write_text(text)

    with pytest.raises(PolicyInvalid, match=said) as wrong:
        policy_in(folder)

    assert f"policy/b.cedar, line {line}" in wrong.value.why


@pytest.mark.parametrize(
    ("people", "where"),
    [
        ('[roles]\nreader = ["ann"]\neditor = "ann"\n', "policy/people.toml, line 3"),
        ("# who\nroles = 1\n", "policy/people.toml, line 2"),
        ("[roles]\nreader = = 1\n", "(at line 2, column 10)"),
        (b"[roles]\nreader = ['\xff']\n", "policy/people.toml, line 2"),
    ],
)
def test_a_mistake_in_the_list_of_people_is_told_with_its_line(
    tmp_path: Path, people: str | bytes, where: str
) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "a.cedar").write_text(SOUND)
    (folder / "people.toml").write_bytes(people if isinstance(people, bytes) else people.encode())

    with pytest.raises(PolicyInvalid) as wrong:
        policy_in(folder)

    assert where in str(wrong.value)


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text(SOUND)
    (tmp_path / "b.cedar").write_bytes(SOUND.encode() + b"\n// \xff")

    with pytest.raises(PolicyInvalid, match="no UTF-8") as wrong:
        policy_in(tmp_path)

    assert "b.cedar, line 4" in wrong.value.why


def test_a_rule_that_cannot_be_evaluated_is_told_with_its_place() -> None:
    odd = '@id("odd") permit (principal, action, resource)\nwhen { context.missing };'
    policy = CedarPolicy.of_files({"policy/a.cedar": SOUND, "policy/b.cedar": odd}, {})

    denied = policy.judge(Access(person="ann", action="tool.call", kind="Tool", on="look"))

    assert denied is not None
    assert "policy `odd`" in denied.title
    assert "(policy/b.cedar, line 1)" in denied.title


def test_semicolons_in_texts_and_comments_end_no_rule() -> None:
    text = SOUND + '@id("a;\\"b") // ; "\npermit (principal, action, resource);\n// the end;\n'

    found = statements("x", text)

    assert [one.line for one in found] == [2, 3]


def test_where_a_rule_stands_does_not_change_the_version() -> None:
    one = CedarPolicy.of_files({"a": SOUND}, {})
    moved = CedarPolicy.of_files({"b": "\n\n" + SOUND}, {})

    assert one.version == moved.version
