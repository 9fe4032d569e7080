"""The records of one lane's journal that are live: not removed, and not superseded."""

from collections.abc import Iterable, Sequence

from handrail.lane.bounds import LaneBounds
from handrail.lane.copying import due_copies
from handrail.lane.journal import LANE, Entry

_OF_LANE = f"{LANE}/".encode()


class LiveRecords:
    """By key, in the order of their offsets. Not thread-safe; one owner, the lane."""

    def __init__(self, end: int) -> None:
        """Know of none below `end`."""
        self.end = end  #: everything below was read or written
        self._offsets: dict[bytes, int] = {}

    def read(
        self, found: Iterable[tuple[int, bytes, Entry | None]], end: int
    ) -> tuple[dict[bytes, Entry], int]:
        """Take over what was read up to `end`; give what is live, and the latest epoch."""
        entries: dict[bytes, Entry] = {}
        epoch = 0
        for offset, key, entry in found:
            self._offsets.pop(key, None)
            entries.pop(key, None)
            if entry is None:
                continue
            epoch = max(epoch, entry.epoch)
            if entry.invocation != LANE:
                self._offsets[key] = offset
                entries[key] = entry
        self.end = max(end, self.end)
        return entries, epoch

    def wrote(self, written: Iterable[tuple[bytes, int, bool]]) -> None:
        """Take over what has committed: (key, offset, is tombstone) in the order of writing."""
        for key, offset, is_tombstone in written:
            self._offsets.pop(key, None)
            if not is_tombstone and not key.startswith(_OF_LANE):
                self._offsets[key] = offset
            self.end = max(self.end, offset + 1)

    @property
    def pointer(self) -> int:
        """Where whoever opens the lane next begins to read."""
        return min(next(iter(self._offsets.values()), self.end), self.end)

    def offset(self, key: bytes) -> int | None:
        """Where the live record under a key stands; None when it is not committed."""
        return self._offsets.get(key)

    def due_copies(self, bounds: LaneBounds) -> Sequence[tuple[bytes, int]]:
        """Give the records, key and offset, that are to be written again now."""
        return due_copies(self._offsets, self.end, bounds)
