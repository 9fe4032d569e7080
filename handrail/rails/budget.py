"""The budget of a task as one run has it: reserve before an act, commit or release after. Pure.

Guarantees: an act begins only when what it may cost at most is left; what children get is split
from what is left, to the last millionth, so that nothing is made by handing on; the same acts give
the same balance again, in whatever order they end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

MICROS = 1_000_000
WARN_PERCENT = 80
MICROS_MAX = 10**15


@dataclass(frozen=True, slots=True)
class Account:
    """What may be spent, what was, and what those acts may cost that have begun."""

    limit: int | None = None  #: in millionths; None: no budget was asked for
    spent: int = 0
    reserved: int = 0

    @property
    def left(self) -> int | None:
        """What may still be reserved; None without a budget."""
        return None if self.limit is None else max(0, self.limit - self.spent - self.reserved)

    def fits(self, cost: int) -> bool:
        """Say whether an act of this cost may begin."""
        return self.left is None or cost <= self.left

    def reserve(self, cost: int) -> "Account":
        """Set aside what an act may cost. Raises ValueError when it is not left."""
        if cost < 0 or not self.fits(cost):
            message = f"{cost} of {self.left} cannot be reserved"
            raise ValueError(message)
        return replace(self, reserved=self.reserved + cost)

    def commit(self, cost: int) -> "Account":
        """Spend what was set aside."""
        return replace(self.release(cost), spent=self.spent + cost)

    def settle(self, reserved: int, cost: int) -> "Account":
        """Spend what an act has cost in truth, and give back what was set aside for it."""
        return replace(self.release(reserved), spent=self.spent + cost)

    def release(self, cost: int) -> "Account":
        """Give back what was set aside and not spent. Raises ValueError for more than that."""
        if not 0 <= cost <= self.reserved:
            message = f"{cost} of {self.reserved} was not reserved"
            raise ValueError(message)
        return replace(self, reserved=self.reserved - cost)

    def raised(self, by: int) -> "Account":
        """Give more to spend."""
        return self if self.limit is None else replace(self, limit=self.limit + max(0, by))

    @property
    def warns(self) -> bool:
        """Say whether most of it is used."""
        if not self.limit:
            return False
        return (self.spent + self.reserved) * 100 >= self.limit * WARN_PERCENT


def read_budget(text: str | None) -> int | None:
    """Read a budget as it travels, in millionths; what is no amount is nothing to spend."""
    if text is None:
        return None
    try:
        amount = Decimal(text)
        if not amount.is_finite() or amount < 0:
            return 0
        # First of all: whoever submits has written it, and to compute with it may take minutes.
        return MICROS_MAX if amount >= MICROS_MAX // MICROS else int(amount * MICROS)
    except (InvalidOperation, ValueError):
        return 0


def micros_of(amount: float) -> int:
    """Give an amount in millionths."""
    return round(amount * MICROS)


def written(micros: int | None) -> str | None:
    """Give a budget as it travels."""
    if micros is None:
        return None
    whole, rest = divmod(micros, MICROS)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def in_words(micros: int) -> str:
    """Give an amount as people write money: two places, or more where they are needed."""
    whole, rest = divmod(micros, MICROS)
    places = f"{rest:06}"
    return f"{whole}.{places[:2]}{places[2:].rstrip('0')}"


def share(text: str | None, index: int, count: int) -> str | None:
    """Give the part of a budget that goes to one of several; all parts together are the whole."""
    micros = read_budget(text)
    if micros is None:
        return None
    each, rest = divmod(micros, count)
    return written(each + (1 if index < rest else 0))


def together(texts: Iterable[str | None]) -> str | None:
    """Give what several have left; None when none has a budget."""
    found = [micros for micros in map(read_budget, texts) if micros is not None]
    return written(sum(found)) if found else None
