"""What may be endorsed is closed: whoever wrote the text has chosen among our words at most."""

from decimal import Decimal
from enum import Enum, IntFlag, StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

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


class Pair(BaseModel):
    """A closed word, and a free one behind it."""

    pair: tuple[Literal["DE", "AT"], str]


class Row(BaseModel):
    """As many pairs as there are, of which one half is free."""

    row: list[tuple[Mood, str]]


class Table(BaseModel):
    """Free keys."""

    table: dict[str, Mood]


class Notes(BaseModel):
    """Free values."""

    notes: dict[Mood, str]


class Free(BaseModel):
    """What is free, as a part of something."""

    word: str = ""


class Either(BaseModel):
    """A closed part, or one that is free."""

    part: Inner | Free = Inner(stars=1)


class Deep(BaseModel):
    """A free part, deep inside."""

    deep: tuple[Mood, list[dict[Mood, Free]]]


class Surplus(BaseModel):
    """Whatever else is given is kept."""

    model_config = ConfigDict(extra="allow")
    mood: Mood


class Counts(BaseModel):
    """Numbers in a tuple, one of them without bounds."""

    counts: tuple[Annotated[int, Field(ge=0, le=9)], int]


class Anything(BaseModel):
    """Of no type at all."""

    thing: Any = Field(ge=0, le=9)


class Tree(BaseModel):
    """A part of itself, closed."""

    mood: Mood
    below: list["Tree"] = []


class Country(BaseModel):
    """Closed in each place."""

    pair: tuple[Literal["DE", "AT"], Mood, Annotated[int, Field(ge=0, le=9)]]
    many: tuple[Mood, ...] = ()
    none: tuple[()] = ()
    table: dict[Mood, Annotated[int, Field(ge=0, le=9)]] = {}
    part: Inner | None = None
    tree: Tree = Tree(mood=Mood.GLAD, below=[Tree(mood=Mood.ANGRY)])


class Lines(BaseModel):
    """Ids deep inside."""

    lines: dict[Mood, list[tuple[Mood, Order]]]


class Rights(IntFlag):
    """What somebody may do: any number is one of it."""

    READ = 1
    WRITE = 2


class Wide(StrEnum):
    """Takes whatever it is given for a member of its own."""

    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> "Wide":
        made = str.__new__(cls, str(value))
        made._name_, made._value_ = str(value), str(value)
        return made


class Amount(BaseModel):
    """A number that calls itself a flag."""

    amount: Rights


class Words(BaseModel):
    """Free words that call themselves an enumeration."""

    words: list[Wide] = []


class Unnamed(BaseModel):
    """An enumeration without a member, of which any other may stand there."""

    one: Enum


class Few(BaseModel):
    """Ids without an order."""

    few: set[str]


def test_a_value_that_is_closed_in_every_place_is_endorsed() -> None:
    value = Country(pair=("DE", Mood.GLAD, 3), many=(Mood.GLAD,), table={Mood.GLAD: 1})

    assert not_endorsable(value, {}) is None


def test_a_list_holds_for_its_field_however_deep_it_lies() -> None:
    lines = Lines(
        lines={Mood.GLAD: [(Mood.GLAD, Order(order="41")), (Mood.GLAD, Order(order="x"))]}
    )

    assert not_endorsable(lines, {"order": ["41", "x"]}) is None
    told = not_endorsable(lines, {"order": ["41"]})
    assert told == "its field lines its field order is 'x', which is not in its list"
    assert not_endorsable(Few(few={"41"}), {"few": {"41", "42"}}) is None
    assert not_endorsable(Few(few={"43"}), {"few": {"41", "42"}}) is not None


def test_a_text_in_place_of_a_list_is_one_value_and_not_its_letters() -> None:
    assert not_endorsable(Order(order="4"), {"order": "41"}) is not None
    assert not_endorsable(Order(order="41"), {"order": "41"}) is None


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


def test_an_enumeration_that_makes_members_of_what_it_is_given_is_closed_by_a_list_alone() -> None:
    amount = Amount.model_validate_json('{"amount":987654}')
    words = Words.model_validate_json('{"words":["pay him"]}')

    for value in (amount, words, Words(), Unnamed(one=Mood.GLAD)):
        assert "can be values that it does not name" in (not_endorsable(value, {}) or "")
    assert not_endorsable(amount, {"amount": list(Rights)}) is not None
    assert not_endorsable(words, {"words": list(Wide)}) is not None
    assert not_endorsable(Amount(amount=Rights.READ), {"amount": list(Rights)}) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Order(order="41"), "its field order is free text"),
        (Count(count=1), "its field count is a number without bounds"),
        (Noted(mood="whatever"), "its field mood is free text"),
        (Noted(mood=Mood.GLAD), "its field mood is free text"),
        (Names(names=["x"]), "its field names is free text"),
        (Pair(pair=("DE", "x")), "its field pair is free text"),
        (Row(row=[]), "its field row is free text"),
        (Row(row=[(Mood.GLAD, "x")]), "its field row is free text"),
        (Table(table={"x": Mood.GLAD}), "its field table is free text"),
        (Notes(notes={Mood.GLAD: "x"}), "its field notes is free text"),
        (Either(), "its field part its field word is free text"),
        (Either(part=Free(word="x")), "its field part its field word is free text"),
        (Deep(deep=(Mood.GLAD, [])), "its field deep its field word is free text"),
        (Surplus(mood=Mood.GLAD, note="x"), "it takes fields that nobody has declared"),  # type: ignore[call-arg]  # what is planted
        (Counts(counts=(1, 1 << 70)), "its field counts is a number without bounds"),
        (Anything(thing=5), "its field thing is free text"),
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
