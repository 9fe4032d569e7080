"""The engine's own message: what stands for a part of a fan-out that brings no message.

A marker takes the place of the message it stands for: same headers, same key, its own type. It
passes every agent that does not gather without running it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handrail.errors.wire import MessageInvalid
from handrail.wire.codec import decode_object, encode_body

MARKER_TYPE: Final = "handrail_marker.v1"


class MarkerKind(StrEnum):
    """What became of the part."""

    EMPTY = "empty"  #: it ended without a message, on purpose
    LOST = "lost"  #: it ended as a dead letter
    NO_PARTS = "no_parts"  #: the fan-out has no parts at all


@dataclass(frozen=True, slots=True)
class Marker:
    """What became of one part; a lost one says why and where its dead letter is."""

    kind: MarkerKind
    reason: str | None = None  #: a word of `dlq.reason`; set when the part is lost
    dead_letter: str | None = None  #: topic/partition/offset where what died lay

    def encode(self) -> bytes:
        """Give the body of the marker's record."""
        fields = {"kind": self.kind, "reason": self.reason, "dead_letter": self.dead_letter}
        return encode_body({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def decode(cls, body: bytes | None) -> "Marker":
        """Read a marker; raises a WireError when the body is none."""
        fields = decode_object(body)
        kind, reason, dead_letter = (fields.get(n) for n in ("kind", "reason", "dead_letter"))
        if (
            kind not in tuple(MarkerKind)
            or not isinstance(reason, str | None)
            or not isinstance(dead_letter, str | None)
        ):
            raise MessageInvalid(topic="(any)", type=MARKER_TYPE, detail="it is no marker")
        return cls(MarkerKind(str(kind)), reason, dead_letter)
