"""What is said when an invariant does not hold: which one, in a sentence, and by what evidence."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handrail.chaos.history import History
from handrail.wire.record import Record


class Harm(StrEnum):
    """What a violation means to whoever relies on a team."""

    LOST = "lost"
    DOUBLED = "doubled"
    UNSAFE = "unsafe effects doubled"
    TORN = "torn"
    REORDERED = "reordered"
    REPEATED = "steps repeated"
    ZOMBIE = "zombie writes"
    HANGING = "left hanging"
    INNOCENT = "innocents quarantined"
    MOVED = "paid calls wasted in moves"
    UNTOLD = "doubts told late"
    OTHER = "other promises broken"


#: What breaking each invariant means where the violation does not say something more exact.
HARMS: Final[Mapping[str, Harm]] = {
    "I1": Harm.LOST,
    "I3": Harm.DOUBLED,
    "I4": Harm.TORN,
    "I5": Harm.REPEATED,
    "I6": Harm.ZOMBIE,
    "I8": Harm.REORDERED,
    "I9": Harm.ZOMBIE,
    "I12": Harm.HANGING,
    "I13": Harm.HANGING,
    "I14": Harm.LOST,
    "I15": Harm.TORN,
    "I16": Harm.LOST,
    "I18": Harm.DOUBLED,
    "I19": Harm.LOST,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a run broke a promise."""

    invariant: str  #: I1 to I19
    sentence: str
    evidence: tuple[str, ...] = ()  #: topic[partition]@offset, or file and time
    means: Harm | None = None  #: more exactly than its invariant says

    @property
    def harm(self) -> Harm:
        """What it means to whoever relies on the team."""
        return self.means or HARMS.get(self.invariant, Harm.OTHER)

    def __str__(self) -> str:
        """Say it on one line."""
        shown = f" ({', '.join(self.evidence)})" if self.evidence else ""
        return f"{self.invariant}: {self.sentence}{shown}"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise, and the function that finds where a run broke it."""

    name: str
    sentence: str  #: what always holds
    check: Callable[[History], Iterable[Violation]]


def at(*records: Record) -> tuple[str, ...]:
    """Cite records as evidence."""
    return tuple(f"{one.topic}[{one.partition}]@{one.offset}" for one in records)
