"""What a gathering agent gets: the messages of a fan-out that came, and what became of the rest.

Guarantee: every part of the fan-out is either among the messages or in `missing`, exactly once;
both are in the order of the parts' numbers, whatever order they arrived in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Missing:
    """One part that brought no message."""

    part: int  #: its number, from 0
    reason: str  #: `empty`, `late`, or the word of `dlq.reason` when it was lost
    dead_letter: str | None = None  #: where it lay: `handrail dead show TOPIC/PARTITION/OFFSET`


class Parts(Sequence[T_co], Generic[T_co]):
    """The messages of one fan-out, in the order in which they were handed out; read-only."""

    __slots__ = ("_messages", "missing", "numbers", "total")

    def __init__(
        self,
        messages: Iterable[T_co],
        *,
        missing: Iterable[Missing] = (),
        numbers: Iterable[int] | None = None,
    ) -> None:
        """Hold messages; `numbers` are their part numbers, by default those not missing."""
        self._messages = tuple(messages)
        self.missing = tuple(sorted(missing, key=lambda m: m.part))
        self.total = len(self._messages) + len(self.missing)
        gone = {m.part for m in self.missing}
        present = (n for n in range(self.total) if n not in gone) if numbers is None else numbers
        self.numbers = tuple(present)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        """Give the message at that place, or several."""
        return self._messages[index]

    def __len__(self) -> int:
        """Count the messages that came."""
        return len(self._messages)

    def __eq__(self, other: object) -> bool:
        """Parts are equal when messages, their numbers and what is missing are."""
        if not _is_parts(other):
            return NotImplemented
        return (tuple(self), self.numbers, self.missing) == (
            tuple(other),
            other.numbers,
            other.missing,
        )

    def __hash__(self) -> int:
        """Parts of hashable messages can be hashed."""
        return hash((self._messages, self.numbers, self.missing))

    def __repr__(self) -> str:
        """Show the messages and what is missing."""
        return f"Parts({list(self._messages)!r}, missing={list(self.missing)!r})"


def _is_parts(value: object) -> TypeGuard[Parts[Any]]:
    return isinstance(value, Parts)
