"""What a task may still do once it has read what nobody vouches for, said before it reads it.

Pure. A plan lists tools, and for arguments of each what may stand there. Guarantees: narrowing
never allows an act that was not allowed before; what cannot be read as a plan allows nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast

import orjson

from handrail.contract.canonical import plain
from handrail.contract.tool import Tool
from handrail.errors.contract import ToolInvalid

TOOLS_COUNT_MAX, BOUNDS_COUNT_MAX, VALUES_COUNT_MAX = 32, 16, 100
PLAN_BYTES_MAX: Final = 512  #: as it travels; a larger one travels as one that allows nothing


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values and no other."""

    values: tuple[object, ...]

    def __init__(self, *values: object) -> None:
        """Name them. Raises ValueError for none, or for more than anybody would review."""
        if not 0 < len(values) <= VALUES_COUNT_MAX:
            message = f"OneOf takes 1 to {VALUES_COUNT_MAX} values"
            raise ValueError(message)
        object.__setattr__(self, "values", tuple(plain(value) for value in values))

    def allows(self, value: object) -> bool:
        """Say whether a value is within it."""
        return any(_same(plain(value), one) for one in self.values)


@dataclass(frozen=True, slots=True)
class Within:
    """A number from `least` to `most`, both included."""

    least: float
    most: float

    def __post_init__(self) -> None:
        """Raise ValueError for bounds between which nothing lies."""
        if not self.least <= self.most or math.isinf(self.least) or math.isinf(self.most):
            message = f"Within({self.least}, {self.most}) bounds nothing"
            raise ValueError(message)

    def allows(self, value: object) -> bool:
        """Say whether a value is within it."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return False
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        # What is no number compares with none.
        return number.is_finite() and Decimal(str(self.least)) <= number <= Decimal(str(self.most))


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever stands there, whoever has written it: a text that is only delivered."""

    def allows(self, value: object) -> bool:
        """Say yes."""
        del value
        return True


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value at all: two plans that have nothing in common."""

    def allows(self, value: object) -> bool:
        """Say no."""
        del value
        return False


Bound = OneOf | Within | Anything | Nothing


@dataclass(frozen=True, slots=True)
class May:
    """One tool of a plan.

    An argument without a bound has to come from who is trusted; one with a bound has to be within
    it, whoever has chosen it. Both hold for those that are `said`.
    """

    tool: str
    bounds: Mapping[str, Bound] = field(default_factory=dict[str, Bound])
    said: frozenset[str] = frozenset()

    def must_be_said(self, argument: str) -> bool:
        """Say whether what stands there has to come from who is trusted."""
        return argument not in self.bounds or argument in self.said

    def within(self, argument: str, value: object) -> bool:
        """Say whether a value is within the bound of its argument, if that has one."""
        bound = self.bounds.get(argument)
        return bound is None or bound.allows(value)


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be done unattended after an untrusted read.

    Without a fixed list any tool may be called with what trusted people have said. `refuses` says
    that nobody is asked about the rest: it is refused.
    """

    tools: tuple[May, ...] | None = None
    refuses: bool = False

    def of(self, tool: str) -> May | None:
        """Give what it says of a tool; None for a tool that is not in it."""
        if self.tools is None:
            return May(tool)
        return next((one for one in self.tools if one.tool == tool), None)

    def narrowed(self, by: "Plan", *, late: bool) -> "Plan":
        """Give what both allow; `late` is what is said only after an untrusted read.

        A late plan frees no argument that an earlier one has not freed.
        """
        refuses = self.refuses or by.refuses
        if by.tools is None:
            return Plan(self.tools, refuses)
        if self.tools is None:
            tools = tuple(_late(one) for one in by.tools) if late else by.tools
            return Plan(tools, refuses)
        both = ((mine, by.of(mine.tool)) for mine in self.tools)
        return Plan(tuple(_meet(mine, theirs) for mine, theirs in both if theirs), refuses)

    def encode(self) -> str:
        """Give it as it travels; one that is too large allows nothing."""
        if self.tools is None:
            return "!" if self.refuses else ""
        listed = [
            [one.tool, {n: _written(b) for n, b in one.bounds.items()}, sorted(one.said)]
            for one in self.tools
        ]
        text = ("!" if self.refuses else "") + orjson.dumps(listed).decode()
        return (
            text if len(text.encode()) <= PLAN_BYTES_MAX else ("!" if self.refuses else "") + "[]"
        )

    @classmethod
    def decode(cls, text: str) -> "Plan":
        """Read what `encode` gave; anything else allows nothing."""
        refuses, listed = text.startswith("!"), text.removeprefix("!")
        if not listed:
            return cls(None, refuses)
        try:
            found: Any = orjson.loads(listed)
            tools = tuple(
                May(str(name), {str(n): _read(b) for n, b in bounds.items()}, frozenset(said))
                for name, bounds, said in found
            )
        except (ValueError, TypeError, AttributeError, KeyError):
            return cls((), refuses)
        return cls(tools, refuses)


OPEN: Final = Plan()  #: nobody has fixed anything
ANYTHING: Final = Anything()
NOTHING: Final = Nothing()


def may(tool: Tool[..., Any], /, **bounds: Bound) -> May:
    """Let a plan have a tool, with what may stand for its arguments. Raises ToolInvalid."""
    known = tuple(tool.contract.fields.values()) or tuple(bounds)  # of a remote tool nobody knows
    unknown = [name for name in bounds if name not in known]
    if unknown or len(bounds) > BOUNDS_COUNT_MAX:
        raise ToolInvalid(
            tool=tool.name,
            detail=f"a plan bounds {', '.join(unknown) or 'too much of it'}",
            cure=f"bound at most {BOUNDS_COUNT_MAX} of {', '.join(known) or 'no arguments'}",
        )
    return May(tool.name, bounds)


def _late(one: May) -> May:
    return May(one.tool, one.bounds, frozenset(one.bounds))


def _meet(one: May, two: May) -> May:
    """Give what both allow of a tool."""
    names = [*one.bounds, *(name for name in two.bounds if name not in one.bounds)]
    bounds: dict[str, Bound] = {}
    for name in names:
        mine, theirs = one.bounds.get(name, ANYTHING), two.bounds.get(name, ANYTHING)
        bounds[name] = _both(mine, theirs)
    said = [name for name in names if one.must_be_said(name) or two.must_be_said(name)]
    return May(one.tool, bounds, frozenset(said))


def _both(one: Bound, two: Bound) -> Bound:
    """Give the bound that allows what both allow."""
    match one, two:
        case (Anything(), _):
            return two
        case (_, Anything()):
            return one
        case (OneOf(values), _):
            left = [value for value in values if two.allows(value)]
            return OneOf(*left) if left else NOTHING
        case (_, OneOf()):
            return _both(two, one)
        case (Within(), Within()):
            least, most = max(one.least, two.least), min(one.most, two.most)
            return Within(least, most) if least <= most else NOTHING
        case _:
            return NOTHING


def _written(bound: Bound) -> object:
    match bound:
        case OneOf(values):
            return [*values]
        case Within(least, most):
            return {"from": least, "to": most}
        case Anything():
            return None
        case Nothing():
            return []


def _read(written: object) -> Bound:
    if written is None:
        return Anything()
    if written == []:
        return NOTHING
    if isinstance(written, list):
        return OneOf(*cast("Sequence[object]", written))
    bounds = cast("Mapping[str, float]", written)
    return Within(bounds["from"], bounds["to"])


def _same(one: object, two: object) -> bool:
    return one == two and isinstance(one, bool) == isinstance(two, bool)
