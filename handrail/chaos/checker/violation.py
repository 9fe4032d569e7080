"""What is said when an invariant does not hold: which one, in a sentence, and by what evidence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from handrail.chaos.history import History
from handrail.wire.record import Record


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a run broke a promise."""

    invariant: str  #: I1 to I19
    sentence: str
    evidence: tuple[str, ...] = ()  #: topic[partition]@offset, or file and time

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
