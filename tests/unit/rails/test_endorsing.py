"""What may be endorsed is closed: whoever wrote the text has chosen among our words at most."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from handrail.rails.endorsing import not_endorsable


class Mood(StrEnum):
    """How it sounds."""

    GLAD = "glad"
    ANGRY = "angry"


class Inner(BaseModel):
    """A part of it."""

    stars: int = Field(ge=1, le=5)


class Closed(BaseModel):
    """Nothing in it is free."""

    mood: Mood
    kind: Literal["refund", "question"]
    urgent: bool
    amount: Decimal = Field(ge=0, le=100)
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    inner: Inner = Inner(stars=3)
    moods: list[Mood] = []
    maybe: int | None = Field(default=None, ge=0, le=9)


CLOSED = Closed(mood=Mood.GLAD, kind="refund", urgent=True, amount=Decimal(50), maybe=4)


class Order(BaseModel):
    """Which order is meant."""

    order: str


class Orders(BaseModel):
    """Which orders are meant."""

    orders: list[str]


class Count(BaseModel):
    """A number, one side of it open."""

    count: int = Field(ge=0)


class Noted(BaseModel):
    """A closed value with a free one beside it."""

    mood: Mood | str


class Names(BaseModel):
    """A list of free texts."""

    names: list[str]


def test_a_closed_value_is_endorsed_as_it_is() -> None:
    assert not_endorsable(CLOSED, {}) is None


def test_an_id_has_to_stand_in_its_list() -> None:
    assert not_endorsable(Order(order="41"), {"order": ["41", "42"]}) is None
    assert not_endorsable(Orders(orders=["41", "42"]), {"orders": {"41", "42"}}) is None
    assert not_endorsable(Order(order="43"), {"order": ["41", "42"]}) == (
        "its field order is '43', which is not in its list"
    )
    assert not_endorsable(Orders(orders=["41", "43"]), {"orders": ["41"]}) == (
        "its field orders is '43', which is not in its list"
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Order(order="41"), "its field order is free text"),
        (Count(count=1), "its field count is a number without bounds"),
        (Noted(mood="whatever"), "its field mood is free text"),
        (Noted(mood=Mood.GLAD), "its field mood is free text"),
        (Names(names=["x"]), "its field names is free text"),
        ("a text", "a str has no declared fields"),
        ({"order": "41"}, "a dict has no declared fields"),
    ],
)
def test_what_leaves_room_for_words_is_refused(value: object, why: str) -> None:
    told = not_endorsable(value, {})

    assert told is not None
    assert told.startswith(why)


def test_a_list_for_a_field_that_is_not_there_is_told() -> None:
    assert not_endorsable(CLOSED, {"ordre": ["41"]}) == (
        "it has no field ordre, for which a list was given"
    )
