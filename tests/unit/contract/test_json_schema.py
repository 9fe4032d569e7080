"""An answer is judged by the schema of what was asked, in words that a person can use."""

import re
import socket
import time
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from handrail.contract.json_schema import foreign_misfit, form_in_words, misfit, unusable
from handrail.contract.pattern_cost import COST_MAX, at_once, cost_of

#: Each is twice the next one: it comes to an end, a long time after everybody has left.
DOUBLING: dict[str, object] = {
    f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
    for n in range(60)
} | {"d60": {}}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


class Sign(BaseModel):
    name: str
    how_often: int = 1


@pytest.mark.parametrize(
    ("returns", "choices", "value", "problem"),
    [
        (str, [], "yes", None),
        (str, [], 7, "7 is not of type 'string'"),
        (str, ["yes", "no"], "maybe", "it is none of yes, no"),
        (int, [1, 2], 2, None),
        (Sign, [], {"name": "Ada"}, None),
        (Sign, [], {}, "'name' is a required property"),
        (Sign, [], {"name": "Ada", "how_often": "x"}, "how_often: 'x' is not of type 'integer'"),
        (list[Sign], [], [{"name": 1}], "0.name: 1 is not of type 'string'"),
    ],
)
def test_a_value_fits_or_it_is_said_what_does_not(
    returns: Any, choices: list[object], value: object, problem: str | None
) -> None:
    assert misfit(TypeAdapter(returns).json_schema(), choices, value) == problem


@pytest.mark.parametrize("said", [{}, {"$schema": DRAFT_7}])
def test_a_strangers_schema_is_judged_in_bounded_steps(said: dict[str, object]) -> None:
    inner = {"d": {**said, "$ref": "#/$defs/d0"}}
    schema = {**said, "$defs": DOUBLING, "properties": inner}

    found = foreign_misfit(schema, {"d": {}}, steps_max=1_000)

    assert found is not None
    assert "too many steps" in found


@pytest.mark.parametrize(
    ("returns", "choices", "words"),
    [
        (str, [], "text"),
        (int, [], "a whole number"),
        (bool, [], "true or false"),
        (str, ["yes", "no"], "one of yes, no"),
        (Sign, [], "a JSON object with name, how_often"),
        (list[int], [], "a JSON array"),
        (str | int, [], "JSON"),
    ],
)
def test_the_form_of_an_answer_is_said_in_words(
    returns: Any, choices: list[object], words: str
) -> None:
    assert form_in_words(TypeAdapter(returns).json_schema(), choices) == words


@pytest.mark.parametrize(
    "hidden",
    [
        {"allOf": [{"$id": "URL", "$ref": "#/there"}]},
        {"properties": {"city": {"$id": "URL", "$ref": "#/there"}}},
        {"$id": "URL", "allOf": [{"$ref": "#/there"}]},
    ],
)
def test_no_schema_makes_anybody_fetch_what_its_id_makes_of_a_reference(
    hidden: dict[str, object],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/latest/meta-data"
        named = _with_url(hidden, url)
        schema = {"properties": {"where": {"$ref": "#/x-more/w"}}, "x-more": {"w": named}}

        for found in (
            foreign_misfit(schema, {"where": {"city": "Ulm"}}),
            misfit(schema, (), {"where": {"city": "Ulm"}}, foreign=True),
        ):
            assert found is not None
            assert "cannot be judged by its schema" in found
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


def _with_url(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _with_url(one, url) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_url(one, url) for one in value]
    return url if value == "URL" else value


#: Each asks for so many copies that a text of some thousand signs takes an engine many seconds.
COSTLY = (
    "^(a{0,100}){0,100}!$",
    "((?:[ab]{0,60}a[ab]{0,60}){1,200}|b)!",
    "(?:[ab]{0,60}a[ab]{0,60}){1,20}!",
)


@pytest.mark.parametrize("pattern", COSTLY)
def test_a_pattern_takes_no_longer_than_its_judgement_may(pattern: str) -> None:
    schema = {"properties": {"text": {"type": "string", "pattern": pattern}}}
    begun_s = time.process_time()

    found = foreign_misfit(schema, {"text": "ab" * 4_000})

    assert found is not None
    assert "too many steps" in found
    assert time.process_time() - begun_s < 1


@pytest.mark.parametrize("pattern", COSTLY)
def test_a_pattern_that_a_call_could_not_be_judged_by_is_refused_before_it(pattern: str) -> None:
    one = {"type": "string", "pattern": pattern}

    found = unusable({"properties": {"text": one}})

    assert found is not None
    assert "bounded time for a text of 8192 characters: let a maxLength beside it" in found
    bounded = {"properties": {"text": {**one, "maxLength": 300}}}
    assert unusable(bounded) is None
    told = foreign_misfit(bounded, {"text": "ab" * 4_000})
    assert told is not None
    assert "too many steps" not in told
    assert "not match" in (foreign_misfit(bounded, {"text": "ab" * 150}) or "")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[\s\S]{1,4000}$",
        "^.{1,5000}$",
        r"^[A-Z]{2}\d{2}-.{1,2000}$",
        "^https?://[^ ]{1,2000}$",
        "^[^/]{1,3000}(/[a-z]{1,20}){0,9}$",
        r"^(\w+\s?){1,50}$",
        "^.{10,}$",
    ],
)
def test_a_long_text_that_one_class_takes_is_judged(pattern: str) -> None:
    schema = {"properties": {"text": {"type": "string", "pattern": pattern}}}
    text = "AB12-" + "a" * 1_995
    begun_s = time.process_time()

    assert unusable(schema) is None
    told = foreign_misfit(schema, {"text": text})
    assert told is None or "not match" in told
    assert (told is None) is (re.search(pattern, text) is not None)
    assert "too many" not in (foreign_misfit(schema, {"text": "a€" * 4_096}) or "")
    assert time.process_time() - begun_s < 1


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("^[ab]{1,4000}$", 3),
        ("^a{4000}b{4000}$", 4),
        ("^a?b{1,4000}$", 5),
        ("^a{0,4000}a{0,4000}$", 4_003),
        ("^a*b{4000}$", 4_003),
        ("^(a|b)c{4000}$", 4_000),
        ("^c{4000}(a{10}){10}$", 110),
        ("a{4000}", 4_000),
        ("^a{4000}|b{4000}", 8_000),
        ("^(?:a{4000})", 4_000),
        ("^a{40}{100}", 4_000),
        ("^(a{40}){100}", 4_000),
        (r"^[)]{4000}(a[)]{10}\)){10}b", 130),
    ],
)
def test_a_text_is_at_once_in_no_fewer_states_than_may_be(pattern: str, count: int) -> None:
    assert count <= at_once(pattern) <= count * 1.1 + 2


def test_what_all_patterns_of_a_schema_cost_to_compile_is_bounded() -> None:
    one = {"type": "string", "pattern": r"^\w{1,90}$"}
    few = {"type": "object", "properties": {f"n{n}": one for n in range(3)}}
    many = {"type": "object", "properties": {f"n{n}": one for n in range(100)}}

    assert unusable(few) is None
    assert "is not judged in bounded time" in (unusable(many) or "")


@pytest.mark.parametrize(
    ("pattern", "cost"),
    [
        ("", 0),
        ("abc", 3),
        ("^[0-9a-f]{8}-[0-9a-f]{4}$", 15),
        ("(ab){10}", 30),
        ("(a{0,100}){0,100}", 10_100),
        ("a{2}{3}{4}", 24),
        ("a{0000000000000000000000000000000100}", 100),
        (r"\w{100}", 3_000),
        ("[^]]{5}", 6),
        (r"[\w.]{10}", 310),
        ("a{1000000}{1000000}", COST_MAX),
        ("(?ix) a # [\n b{1000}", COST_MAX),
    ],
)
def test_the_cost_of_a_pattern_is_the_copies_that_it_asks_for(pattern: str, cost: int) -> None:
    assert cost_of(pattern) == cost


@pytest.mark.parametrize(
    "text", ["((((", "))))", "[", "[]]", "[[a]", "\\", "a{", "a{x}", "{" * 50_000]
)
def test_what_is_no_pattern_has_a_cost_as_well(text: str) -> None:
    assert 0 <= at_once("^" + text) <= COST_MAX
    assert 0 <= cost_of(text) <= COST_MAX


def test_a_pattern_that_goes_back_for_ever_is_not_asked_about_what_a_stranger_wrote() -> None:
    wanted = {"properties": {"text": {"pattern": "^((a+)+b|a*!)$"}}}
    begun_s = time.process_time()

    assert misfit(wanted, (), {"text": "a" * 40 + "!"}, foreign=True) is None
    assert misfit(wanted, (), {"text": "a" * 40 + "?"}, foreign=True) is not None
    assert time.process_time() - begun_s < 1
    assert re.fullmatch(wanted["properties"]["text"]["pattern"], "aaa!")
