"""Pairs of a statement and its update: one number, date or negation makes the difference."""

import random
from typing import Final

_THINGS: Final = ("invoice", "delivery", "contract", "subscription", "shipment", "appointment")
_PLACES: Final = ("Bern", "the northern warehouse", "the branch in Lyon", "the main office")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_DENIALS: Final = (
    ("was", "was not"),
    ("was", "was never"),
    ("was", "wasn't"),
    ("can be", "cannot be"),
    ("can be", "can't be"),
    ("will be", "won't be"),
)
_MONTHS: Final = ("January", "March", "April", "August", "October", "December")


def pairs(count: int, seed: int = 5) -> list[tuple[str, str, str]]:
    """Give (kind, statement, update), the kinds in turn."""
    choice = random.Random(seed)
    makers = (_number, _amount, _date, _day, _negation, _affirmation)
    return [makers[number % len(makers)](choice) for number in range(count)]


def _frame(choice: random.Random) -> tuple[str, str, str]:
    thing, place = choice.choice(_THINGS), choice.choice(_PLACES)
    name = f"{thing} {choice.choice('ABCDEF')}{choice.randint(100, 999)}"
    before = f"According to the last message of the customer the {name} for {place}"
    after = "and everybody who works on the case was told about it by the team on the same day"
    return before, after, name


def _number(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    first = choice.randint(1, 500)
    return "number", *(f"{before} holds {n} boxes {after}" for n in (first, first + 1))


def _amount(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    first = choice.randint(100, 99_999)
    texts = (f"{before} costs {n // 100}.{n % 100:02} francs {after}" for n in (first, first + 10))
    return "number", *texts


def _date(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    day = choice.randint(1, 27)
    month = choice.choice(_MONTHS)
    return "date", *(f"{before} is due on {month} {d}, 2026 {after}" for d in (day, day + 1))


def _day(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    one, other = choice.sample(_DAYS, 2)
    return "date", *(f"{before} arrives next {day} {after}" for day in (one, other))


def _negation(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    said, denied = choice.choice(_DENIALS)
    return "negation", f"{before} {said} accepted {after}", f"{before} {denied} accepted {after}"


def _affirmation(choice: random.Random) -> tuple[str, str, str]:
    kind, statement, update = _negation(choice)
    return kind, update, statement
