"""An answer is judged by the schema of what was asked, in words that a person can use."""

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from handrail.contract.json_schema import foreign_misfit, form_in_words, misfit

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
