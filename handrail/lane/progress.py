"""Which offsets of an inbox partition are finished, and the metadata that remembers it.

`low` is the offset that is committed: everything below it is finished or parked. Above it a
bitmap says which offsets are finished already, so that a redelivered one is skipped without
looking for a record of the past. Offsets that hold no record (transaction markers, aborted
records) count as finished.
"""

import base64
import binascii
import zlib
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from handrail.errors import OffsetMetadataBroken

#: A gap that holds no records for us, such as aborted ones of another writer, counts as finished
#: and may be long; its bits compress to almost nothing.
BITMAP_BYTES_MAX = 1_048_576
METADATA_BYTES_MAX = 4_096  #: Kafka's default for offset.metadata.max.bytes


@dataclass(frozen=True, slots=True)
class OffsetMetadata:
    """What a lane commits beside its offset."""

    journal: int  #: where the next owner starts to read the journal
    epoch: int  #: the lane epoch that wrote this
    answers: int  #: low-water mark of settled answers
    done: int  #: bit i is set when offset low + i is finished

    def encode(self) -> str:
        """Give JSON of at most 4,096 bytes for any bitmap of 10,000 bits."""
        packed = b""
        if self.done:
            raw = self.done.to_bytes((self.done.bit_length() + 7) // 8, "little")
            packed = base64.b85encode(zlib.compress(raw, 1))
        return orjson.dumps(
            {"j": self.journal, "e": self.epoch, "c": self.answers, "d": packed.decode()}
        ).decode()

    @classmethod
    def decode(cls, text: str) -> "OffsetMetadata":
        """Read what `encode` wrote.

        Raises OffsetMetadataBroken: a tool or a hand has committed offsets of this group.
        """
        try:
            found = orjson.loads(text)
            packed = base64.b85decode(found["d"])
            unpacker = zlib.decompressobj()
            raw = unpacker.decompress(packed, BITMAP_BYTES_MAX) if packed else b""
            if unpacker.unconsumed_tail:
                raise OffsetMetadataBroken(metadata=text[:200])
            done = int.from_bytes(raw, "little")
            meta = cls(int(found["j"]), int(found["e"]), int(found["c"]), done)
        except (ValueError, KeyError, TypeError, zlib.error, binascii.Error) as error:
            raise OffsetMetadataBroken(metadata=text[:200]) from error
        if min(meta.journal, meta.epoch, meta.answers) < 0:
            raise OffsetMetadataBroken(metadata=text[:200])
        return meta


class Progress:
    """The offsets of one partition as this owner sees them; it changes only by what committed."""

    def __init__(self, low: int, done: int = 0) -> None:
        """Start where the predecessor committed; `done` is its bitmap above `low`."""
        self.next = low  #: the first offset that was not looked at yet
        self._restored_low = low
        self._restored = done
        self._open: dict[int, None] = {}  # ascending, because offsets are admitted in order

    @property
    def low(self) -> int:
        """The oldest open offset, or the next one when nothing is open."""
        return next(iter(self._open), self.next)

    @property
    def span(self) -> int:
        """How many offsets the bitmap has to cover now."""
        return max(self.next, self._restored_low + self._restored.bit_length()) - self.low

    @property
    def held_span(self) -> int:
        """How far reading has run ahead of the oldest open offset."""
        return self.next - self.low

    @property
    def open_count(self) -> int:
        """How many admitted offsets are not finished."""
        return len(self._open)

    def admit(self, offset: int) -> bool:
        """Open this offset; False when it is finished or was admitted before: skip it."""
        if offset < self.next:
            return False
        self.next = offset + 1
        if self._restored >> (offset - self._restored_low) & 1:
            return False
        self._open[offset] = None
        return True

    def is_open(self, offset: int) -> bool:
        """True while this offset waits for its end."""
        return offset in self._open

    def plan(self, completing: Collection[int]) -> tuple[int, int]:
        """Give (low, bitmap) as they will be once these offsets are finished too."""
        still_open = [offset for offset in self._open if offset not in completing]
        low = still_open[0] if still_open else self.next
        ahead = 0
        restored_end = self._restored_low + self._restored.bit_length()
        if restored_end > self.next:
            ahead = self._restored >> (self.next - self._restored_low)
        seen = self.next - low
        open_bits = 0
        for offset in still_open:
            open_bits |= 1 << (offset - low)
        return low, (((1 << seen) - 1) ^ open_bits) | (ahead << seen)

    def complete(self, offsets: Collection[int]) -> None:
        """Finish these offsets: the transaction that said so has committed."""
        for offset in offsets:
            self._open.pop(offset, None)
