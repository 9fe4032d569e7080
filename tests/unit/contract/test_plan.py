"""A plan travels as it is, and whatever is done to it only makes it narrower."""

import random
from decimal import Decimal

import pytest

from handrail import Effect, tool
from handrail.contract.plan import (
    ANYTHING,
    NOTHING,
    OPEN,
    PLAN_BYTES_MAX,
    Bound,
    May,
    OneOf,
    Plan,
    Within,
    may,
)
from handrail.errors.contract import ToolInvalid

BOUNDS: list[Bound] = [
    ANYTHING,
    NOTHING,
    OneOf("a", "b"),
    OneOf("b", "c", 3),
    Within(0, 10),
    Within(3, 30),
    Within(20, 40),
]
VALUES = ["a", "b", "c", 3, 5, 25, True, None, "x"]
NAMES = ["to", "text"]


def some_plan(chance: random.Random) -> Plan:
    if chance.random() < 0.2:
        return Plan(None, chance.random() < 0.5)
    tools = chance.sample(["send", "pay", "post"], chance.randint(0, 3))
    return Plan(
        tuple(
            May(one, {n: chance.choice(BOUNDS) for n in NAMES if chance.random() < 0.7})
            for one in tools
        ),
        chance.random() < 0.2,
    )


def allows(plan: Plan, tool: str, arguments: dict[str, object], said: frozenset[str]) -> bool:
    found = plan.of(tool)
    return found is not None and all(
        found.within(name, value) and (not found.must_be_said(name) or name in said)
        for name, value in arguments.items()
    )


def test_narrowing_allows_nothing_that_was_not_allowed_before() -> None:
    chance = random.Random(1)
    narrower = 0
    for _ in range(4_000):
        one, two = some_plan(chance), some_plan(chance)
        tool = chance.choice(["send", "pay", "post"])
        arguments = {name: chance.choice(VALUES) for name in NAMES}
        said = frozenset(name for name in NAMES if chance.random() < 0.5)
        late = chance.random() < 0.5
        both = one.narrowed(two, late=late)

        if one.tools is not None or late:
            was = allows(one, tool, arguments, said)
            assert was or not allows(both, tool, arguments, said)
            narrower += was and not allows(both, tool, arguments, said)
        if not late:
            wanted = allows(two, tool, arguments, said)
            assert two.tools is None or wanted or not allows(both, tool, arguments, said)
        assert both.refuses == (one.refuses or two.refuses)
        assert Plan.decode(both.encode()) == both or len(both.encode()) <= 3
    assert narrower > 200


def test_a_late_plan_frees_no_argument() -> None:
    wanted = Plan((May("send", {"to": OneOf("eve"), "text": ANYTHING}),))

    assert allows(OPEN.narrowed(wanted, late=False), "send", {"to": "eve"}, frozenset())
    late = OPEN.narrowed(wanted, late=True)
    assert not allows(late, "send", {"to": "eve"}, frozenset())
    assert allows(late, "send", {"to": "eve", "text": "x"}, frozenset({"to", "text"}))
    assert not allows(late, "send", {"to": "bob"}, frozenset({"to"}))
    assert not allows(late, "pay", {}, frozenset())


@pytest.mark.parametrize("text", ["what", "{}", "[1]", '[["a"]]', '[["a",{"b":3},[]]]', "null"])
def test_what_is_no_plan_allows_nothing(text: str) -> None:
    assert Plan.decode(text) == Plan(())
    assert Plan.decode(f"!{text}") == Plan((), refuses=True)


def test_a_plan_too_large_to_travel_allows_nothing() -> None:
    large = Plan((May("send", {"to": OneOf(*("somebody" * 4 + str(n) for n in range(50)))}),))

    assert large.encode() == "[]"
    assert len(Plan((May("send", {"to": ANYTHING}),)).encode()) < PLAN_BYTES_MAX


@tool(effect=Effect.READ)
async def send(to: str) -> str:
    """Send something."""
    return to


def test_a_plan_names_arguments_that_there_are() -> None:
    assert may(send, to=OneOf("bob")) == May("send", {"to": OneOf("bob")})
    with pytest.raises(ToolInvalid, match="cc"):
        may(send, cc=ANYTHING)


@pytest.mark.parametrize(("least", "most"), [(2, 1), (0, float("inf")), (float("nan"), 1)])
def test_bounds_between_which_nothing_lies_are_refused(least: float, most: float) -> None:
    with pytest.raises(ValueError, match="bounds nothing"):
        Within(least, most)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN")])
def test_what_is_no_number_of_anybodys_lies_between_no_bounds(value: float) -> None:
    assert not Within(0, 10).allows(value)


def test_a_number_of_thousands_of_digits_lies_between_no_usual_bounds() -> None:
    assert not Within(0, 10).allows(10**5_000)
    assert not Within(0, 10).allows(-(10**5_000))
