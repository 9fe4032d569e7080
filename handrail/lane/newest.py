"""Keeps a bounded number of things by key; the one that was used longest ago makes room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Newest(Generic[K, V]):
    """A table that makes what is asked for and never holds more than `count_max`.

    What made room is forgotten: asked for again, it starts anew.
    """

    def __init__(self, make: Callable[[], V], count_max: int) -> None:
        """Make a missing thing by `make()`."""
        assert count_max > 0
        self._make = make
        self._count_max = count_max
        self._held: OrderedDict[K, V] = OrderedDict()

    def of(self, key: K) -> V:
        """Give the thing of this key, the same one as long as it is held."""
        found = self._held.get(key)
        if found is None:
            if len(self._held) >= self._count_max:
                self._held.popitem(last=False)
            found = self._held[key] = self._make()
        self._held.move_to_end(key)
        return found

    def items(self) -> list[tuple[K, V]]:
        """Give what is held under its key."""
        return list(self._held.items())

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)
