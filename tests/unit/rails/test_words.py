"""What somebody trusted has said is found, and a part of a word is not."""

import random
import time
from decimal import Decimal
from enum import StrEnum

import pytest
from pydantic import BaseModel

from handrail.rails.words import (
    CARRIED_CHARS_MAX,
    SEARCHED_WORDS_COUNT_MAX,
    Words,
    constants_of,
)


class Kind(StrEnum):
    """A choice."""

    SMALL = "small"


class Order(BaseModel):
    """Something with fields."""

    number: str
    amount: Decimal
    kind: Kind = Kind.SMALL
    urgent: bool = False


TEXT = 'Send 1,500.50 to bob@x.example (and "the house"), see https://x.example/a?b=1.'
OWN = "of the module"


def heard(*values: object) -> Words:
    words = Words()
    for value in values:
        words.hear(value)
    return words


@pytest.mark.parametrize(
    "value",
    [
        "bob@x.example",
        "BOB@X.example",
        "the house",
        "https://x.example/a?b=1",
        "send 1,500.50  to",
        1500.5,
        Decimal("1500.50"),
        "1500.50",
        ["bob@x.example", {"the house": None}],
        "",
        None,
        (),
    ],
)
def test_what_stands_in_a_text_was_said(value: object) -> None:
    assert heard(TEXT).said(value)


@pytest.mark.parametrize(
    "value",
    [
        "x.example",
        "ob@x.example",
        "bob@x.example2",
        "https://x.example",
        "https://x.example/a?b=1&c=2",
        "house (and",
        1500,
        500.5,
        -1500.5,
        True,
        ["bob@x.example", "eve@x.example"],
        {"eve": "the house"},
    ],
)
def test_a_part_of_a_word_or_anything_else_was_not_said(value: object) -> None:
    assert not heard(TEXT).said(value)


NUMBERED = (
    "Pay INV-4711 of 2026-11-30, 10:45: 9/8 of 1.5.2; call +49 151-2345, see 0a1b-4123-0 8th=6"
)


@pytest.mark.parametrize(
    "value", [4711, 2026, 30, -30, 11, 45, 10, 9, 8, 1.5, 5.2, 151, 2345, 4123, 0, 6]
)
def test_a_number_that_is_a_part_of_a_word_was_not_said(value: float) -> None:
    assert not heard(NUMBERED).said(value)
    assert not heard(NUMBERED).said(str(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("order 50.", 50),
        ("(50), he said", 50),
        ('"50"!', 50),
        ("-3 degrees", -3),
        ("0.5 of it", 0.5),
        ("0", 0),
        ("$1,500.50 at once", 1500.5),
        ("20 €", 20),
        ("€20", 20),
        ("£20?", 20),
        ("20€, please", 20),
        ("20% off", 20),
        ("order #42:", 42),
    ],
)
def test_a_number_was_said_with_the_sign_of_what_it_counts(text: str, value: float) -> None:
    assert heard(text).said(value)
    assert heard(text).said(str(value))


@pytest.mark.parametrize("value", ["04711", "0030", "00", "+4711", "4711e0", "4_711"])
def test_a_text_that_is_not_written_as_numbers_are_was_said_only_as_it_is_written(
    value: str,
) -> None:
    assert not heard("4711, 30 and 0").said(value)
    assert heard(f"Take {value}.").said(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**41])
def test_what_is_no_number_that_can_be_read_was_said_by_nobody(value: float) -> None:
    assert not heard(f"Ask nan for inf and {value}.").said(value)


def test_a_number_with_a_leading_zero_is_a_name_and_no_amount() -> None:
    assert not heard("Customer 0030").said(30)
    assert not heard("Customer 0030").said("30")
    assert not heard(["0030"]).said(30)


def test_the_fields_of_a_message_are_said_and_their_names_are_not() -> None:
    words = heard(Order(number="42-a", amount=Decimal(7), urgent=True))

    assert words.said({"42-a": [7, "7.00", Kind.SMALL]})
    assert not words.said("number")
    assert words.said(value=True, name="urgent")
    assert not words.said(value=False, name="urgent")
    assert not words.said(value=True, name="force")
    assert words.said(Order(number="42-a", amount=Decimal(7), urgent=True))
    assert not words.said(Order(number="42-a", amount=Decimal(8)))


def test_json_within_a_text_is_heard_as_what_it_says() -> None:
    words = heard('{"to":"bob","amount":12,"urgent":true}')

    assert words.said("bob")
    assert words.said(12)
    assert words.said(value=True, name="urgent")
    assert heard("{not json").said("{not json")


def test_what_has_gone_on_is_still_known_to_whoever_asks_later() -> None:
    words = heard("the first", '{"amount": 12}')
    carried = words.carried(384)

    assert words.said("first")
    assert words.said(12)
    words.hear("and a second")
    assert words.said("second")
    assert words.carried(384) == (*carried, "and a second")


def test_what_goes_on_is_bounded_and_whole_words() -> None:
    words = heard("a b c", "word " * 100, "a b c", 12)

    carried = words.carried(384)

    assert carried[0] == "a b c"
    assert carried[1] == ("word " * 100)[:CARRIED_CHARS_MAX].rpartition(" ")[0]
    assert carried[2] == "12"
    assert words.carried(7) == ("a b c",)[:0] or len(words.carried(7)[0]) <= 4


def code(text: str) -> str:
    """Say something of its own."""

    def inner() -> str:
        return f"{OWN} and in here"

    return inner() if text == "a constant" else text


def test_half_a_character_goes_on_with_nothing() -> None:
    words = Words()
    words.hear(["whole", "half \ud800"])

    assert words.carried(CARRIED_CHARS_MAX) == ("whole",)
    assert words.said("half \ud800")


def test_what_code_says_was_fixed_when_it_was_written() -> None:
    words = heard(constants_of(code))

    assert words.said("a constant")
    assert words.said(OWN)
    assert not words.said("text of somebody")
    assert constants_of(42) == ()


def test_what_a_module_has_out_of_a_variable_is_not_said_by_its_code_and_goes_nowhere() -> None:
    words = heard(constants_of(code, frozenset({OWN, "in"})))

    assert not words.said(OWN)
    assert OWN not in words.carried(CARRIED_CHARS_MAX)
    assert words.said("a constant")


def test_a_long_list_of_words_out_of_a_long_text_was_said() -> None:
    ids = [f"id-{number:06}" for number in range(9_000)]
    words = Words()
    words.hear("Take " + ", ".join(ids) + ".")

    assert words.said(ids)
    assert not words.said([*ids, "id-009999"])


def test_what_would_take_too_long_to_find_was_not_said() -> None:
    phrases = [f"all of {number}" for number in range(200)]
    words = Words()
    words.hear(" and ".join(phrases) + " " + "far " * 200_000)

    assert words.said(phrases[:20])
    assert words.said(phrases[:20]), "what was found is remembered"
    assert not words.said(phrases)


@pytest.mark.parametrize("sign", ["'", '"', '" "', "''"])
def test_what_stands_in_a_run_of_signs_is_looked_for_in_a_time_that_grows_with_it(
    sign: str,
) -> None:
    words = Words()
    words.hear(sign * 200_000 + "x")
    begun_s = time.process_time()

    assert not words.said(sign * 3 + "!")
    assert not words.said(f"{sign}a")
    words.said(sign)
    assert time.process_time() - begun_s < 3


def test_a_text_cannot_be_compared_with_itself_for_ever() -> None:
    words = Words()
    words.hear("'" * 400_000 + "x")
    begun_s = time.process_time()

    assert not words.said("'" * 200_000)
    assert time.process_time() - begun_s < 3


def test_a_word_is_found_by_its_pieces_as_it_is_in_the_text() -> None:
    chance = random.Random(1)
    alphabet = "ab1\"'([{<)]}>.,;:!?-"
    for _ in range(1_000):
        heard = "".join(chance.choices(alphabet, k=chance.randint(1, 9)))
        start = chance.randint(0, len(heard) - 1)
        leaf = heard[start : chance.randint(start + 1, len(heard))]
        searched, indexed = Words(), Words()
        # So many others are asked about that the words are looked up in an index.
        others = [f"w{number}w" for number in range(SEARCHED_WORDS_COUNT_MAX)]
        for one in (searched, indexed):
            one.hear(f"x {heard} y {' '.join(others)}")

        assert searched.said(leaf) == indexed.said([*others, leaf]), (heard, leaf)


class Wish(BaseModel):
    """What was taken out of a text, closed field by field."""

    amount: Decimal
    kinds: list[Kind] = [Kind.SMALL]
    order: Order | None = None
    urgent: bool = True


def test_what_was_endorsed_counts_under_the_name_of_its_field_and_no_other() -> None:
    words = Words()
    inner = Order(number="42-a", amount=Decimal(7))
    words.hear_endorsed(Wish(amount=Decimal("50.00"), order=inner))

    for value in (50, 50.0, "50", Decimal(50), [50, 7]):
        assert words.said(value, "amount")
    assert words.said(Kind.SMALL, "kinds")
    assert words.said("42-A", "number")
    assert words.said(value=True, name="urgent")
    assert words.said(Order(number="42-a", amount=Decimal(50), urgent=False))
    words.hear_endorsed({"customer": "0030"})
    assert words.said("0030", "customer")
    assert not words.said("30", "customer")
    for value, name in ((50, "order"), (50, "number"), (50, ""), ("small", "text"), (51, "amount")):
        assert not words.said(value, name)
    assert not words.said(value=True, name="force")
    assert not words.said({"amount": 50}, "amount")  # what nobody has said as a word


def test_what_was_endorsed_and_said_as_well_counts_for_anything_and_only_that_goes_on() -> None:
    words = heard("The order is 50.")
    words.hear_endorsed(Wish(amount=Decimal(50)))

    assert words.said("50", "order")
    assert words.carried(384) == ("the order is 50.",)
