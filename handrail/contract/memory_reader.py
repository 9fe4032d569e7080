"""What a worker asks of the local view of memory: records as they stand in topics, nothing more.

Keys are full keys, as `wire.memory.full_key` gives them; values of personal spaces stay sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from handrail.wire.memory import Positions, StoredRecord

PATIENCE_S = 0.25  #: how long a read waits for what was written before it


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which version is wanted: that of a number, or the one that was the newest at a time."""

    version: int | None = None
    at_ms: int | None = None


NEWEST = AsOf()


@dataclass(frozen=True, slots=True)
class Found:
    """One record that a search found; a higher score is a better match within one search."""

    record: StoredRecord
    score: float


class MemoryReader(Protocol):
    """A view of memory that is not older than it is asked to be.

    Each read waits until every command of `wanted` is applied here, and raises StaleView when that
    takes longer than the view's patience. Expired, quarantined and removed records are never given.
    """

    async def get(
        self, space: str, key: str, *, wanted: Positions, as_of: AsOf = NEWEST
    ) -> StoredRecord | None:
        """Give a version of a record; None when there is none."""
        ...

    async def history(self, space: str, key: str, *, wanted: Positions) -> Sequence[StoredRecord]:
        """Give every version that is still kept, oldest first."""
        ...

    async def search(
        self, space: str, prefix: str, text: str, k: int, *, wanted: Positions
    ) -> Sequence[Found]:
        """Give up to `k` records that match words of a text, best first.

        Only those whose full key begins with `prefix`, which always names a tenant.
        """
        ...
