"""Values made up from a JSON schema are taken by the model that the schema is of."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from handrail.chaos.sample import sample


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    name: Annotated[str, Field(min_length=40, max_length=60)]
    size: Annotated[int, Field(gt=3, le=9)]


class Tree(BaseModel):
    kind: Literal["tree"]
    colour: Colour
    when: datetime
    id: UUID
    weight: Annotated[float, Field(ge=-3, lt=-1)]
    leaves: Annotated[list[Leaf], Field(min_length=3, max_length=5)]
    above: "Tree | None" = None
    notes: dict[str, int] = {}
    pair: tuple[int, str]
    flag: bool
    maybe: Leaf | None
    even: Annotated[int, Field(multiple_of=2, ge=3, le=9)]


def test_what_is_made_up_fits_the_model_whatever_the_seed() -> None:
    adapter = TypeAdapter(Tree)
    schema = adapter.json_schema()

    for seed in range(50):
        made = adapter.validate_python(sample(schema, str(seed)))
        assert made.maybe is not None, "what can be there is there"


def test_the_same_seed_makes_the_same_and_another_one_something_else() -> None:
    schema = TypeAdapter(Leaf).json_schema()

    assert sample(schema, "a") == sample(schema, "a")
    assert len({str(sample(schema, f"{n}")) for n in range(20)}) > 10


def test_a_model_that_holds_itself_comes_to_an_end() -> None:
    class Chain(BaseModel):
        links: list["Chain"]

    made = TypeAdapter(Chain).validate_python(sample(TypeAdapter(Chain).json_schema(), "x"))

    assert isinstance(made, Chain)


def test_plain_types_have_their_values() -> None:
    assert isinstance(sample({"type": "string"}, "1"), str)
    assert sample({"type": "null"}, "1") is None
    assert sample({"const": 4}, "1") == 4
    assert sample({"enum": ["a"]}, "1") == "a"
