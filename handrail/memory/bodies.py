"""The records that the keeper has at hand, bounded in number and in bytes.

What a batch needs is pinned and never let go before the batch is settled, so that it is decided on
as a whole whatever its size.
"""

from collections import OrderedDict
from typing import Final

from handrail.memory.shelf import Place
from handrail.wire.memory import StoredRecord

RECORDS_COUNT_MAX: Final = 4_000
BYTES_MAX: Final = 16 << 20  #: of one partition, as they stand in the topic


class Bodies:
    """The newest records of some keys."""

    def __init__(
        self, records_count_max: int = RECORDS_COUNT_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        """Have nothing yet."""
        self._records_count_max, self._bytes_max = records_count_max, bytes_max
        self._kept: OrderedDict[Place, tuple[StoredRecord, int]] = OrderedDict()
        self._bytes = 0

    def get(self, place: Place) -> StoredRecord | None:
        """Give a record that is at hand."""
        found = self._kept.get(place)
        return None if found is None else found[0]

    def pin(self, place: Place) -> bool:
        """Say whether a record is at hand, and keep it there until the batch is settled."""
        if place not in self._kept:
            return False
        self._kept.move_to_end(place)
        return True

    def put(self, place: Place, record: StoredRecord, size: int) -> None:
        """Have a record at hand until the batch is settled, and longer if there is room."""
        self.drop(place)
        self._kept[place] = (record, size)
        self._bytes += size

    def drop(self, place: Place) -> None:
        """Have it no longer."""
        found = self._kept.pop(place, None)
        if found is not None:
            self._bytes -= found[1]

    def settle(self) -> None:
        """End a batch: let go of what is too much, the longest unused first."""
        while len(self._kept) > self._records_count_max or self._bytes > self._bytes_max:
            _, (_, size) = self._kept.popitem(last=False)
            self._bytes -= size
