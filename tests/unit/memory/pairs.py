"""Pairs of a statement and its update, of which one word or sign makes the difference; and echoes.

Of many kinds, since nobody can list the words that make another statement.
"""

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
_SHORT_MONTHS: Final = ("Jan", "Feb", "Apr", "Aug", "Oct", "Dec")
_SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri")
_NUMBER_WORDS: Final = (
    "thirteen",
    "fourteen",
    "twenty",
    "thirty",
    "ninety",
    "a billion",
    "a dozen",
)
#: (kind, before, after, between them one of these)
_TURNS: Final = (
    ("order", "was the", "to arrive", ("first", "second", "third", "last")),
    ("share", "costs", "as much as agreed", ("half", "double", "twice", "a third")),
    ("frequency", "was", "complete on arrival", ("hardly", "always", "rarely", "often")),
    ("times", "was paid", "by the customer", ("once", "twice", "thrice")),
    ("truth", "is damaged, which is", "as far as is known", ("true", "false", "untrue")),
    ("sign", "is kept at", "degrees in the store", ("-5", "5", "+50", "-50")),
    ("unit", "takes 5", "while it is stored", ("mW", "MW", "MB", "Mb")),
    ("power", "needs an area of", "m in the hall", ("10\u00b2", "102", "10", "10\u00b3")),
    ("bound", "weighs", "5 kg in all", ("<", ">", "=", "\u2265")),
    ("percent", "gets a reduction of 5", "on the price", ("%", "\u2030", "$")),
)
#: Nobody has listed these: what differs is any word, so that both are kept and may be linked.
_ANY_WORD: Final = (
    ("was sent to", "by the driver", ("Lyon", "Bern", "Basel", "Turin")),
    ("was", "by the customer", ("accepted", "rejected", "returned", "lost")),
    ("takes 5 mW", "while it is stored", ("", "/h", "/d")),
    ("is painted", "on both of its sides", ("red", "green", "blue")),
    ("was signed by", "of the office", ("Ada", "Bob", "Polish staff", "polish staff")),
)


def pairs(count: int, seed: int = 5) -> list[tuple[str, str, str]]:
    """Give (kind, statement, update), the kinds in turn."""
    choice = random.Random(seed)
    makers = (
        *(_number, _amount, _date, _day, _negation, _affirmation),
        *(_number_word, _short_date, _short_day, *[_turn] * len(_TURNS)),
    )
    return [makers[number % len(makers)](choice) for number in range(count)]


def other_pairs(count: int, seed: int = 6) -> list[tuple[str, str]]:
    """Give (statement, update) that differ in any word, which is on no list."""
    choice = random.Random(seed)
    found: list[tuple[str, str]] = []
    for _ in range(count):
        before, after, _ = _frame(choice)
        said, on, words = choice.choice(_ANY_WORD)
        one, other = choice.sample(words, 2)
        texts = (f"{before} {said} {word} {on} {after}" for word in (one, other))
        found.append((next(texts), next(texts)))
    return found


def echoes(count: int, seed: int = 7) -> list[tuple[str, str, object]]:
    """Give (form, what was told, what is said again), the forms in turn."""
    choice = random.Random(seed)
    found: list[tuple[str, str, object]] = []
    for number in range(count):
        _, told, _ = _amount(choice)
        forms: list[tuple[str, object]] = [
            ("the same", told),
            ("in a field", {"claim": told}),
            ("a full stop", f"{told}."),
            ("introduced", f"Indeed, {told}"),
            ("introduced", f"According to memory: {told}."),
            ("white space", told.replace(" ", "  ") + "\n"),
            ("a part", told.partition(" and everybody")[0]),
            ("with more", f"{told}, as was agreed"),
            ("other case", told.upper()),
            ("attributed", f"They said: {told}"),
        ]
        form, said = forms[number % len(forms)]
        found.append((form, told, said))
    return found


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


def _number_word(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    one, other = choice.sample(_NUMBER_WORDS, 2)
    return "number word", *(f"{before} holds {word} boxes {after}" for word in (one, other))


def _short_date(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    one, other = choice.sample(_SHORT_MONTHS, 2)
    return "short date", *(f"{before} is due on 5 {month} 2026 {after}" for month in (one, other))


def _short_day(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    one, other = choice.sample(_SHORT_DAYS, 2)
    return "short date", *(f"{before} arrives next {day} {after}" for day in (one, other))


def _turn(choice: random.Random) -> tuple[str, str, str]:
    before, after, _ = _frame(choice)
    kind, said, on, words = choice.choice(_TURNS)
    one, other = choice.sample(words, 2)
    return kind, *(f"{before} {said} {word} {on} {after}" for word in (one, other))
