"""A body that is too large to travel: the message carries a claim, the blobs topic the bytes.

On the wire a record whose `content-type` is `application/vnd.handrail.claim+json` has a claim as
its body; all other headers are those of the message itself. The bytes lie on the blobs topic as
records whose key is their SHA-256 (hex), in chunks that are numbered by their headers `chunk` and
`chunks`. The claim names partition and first offset, so reading starts with a seek. Other writers'
records may lie between the chunks; they have other keys.

Guarantee: `Assembly` gives back exactly the bytes that were stored, or raises ClaimBroken.
"""

import hashlib
import re
from dataclasses import asdict, dataclass, field

from handrail.errors.wire import ClaimBroken, TooLarge
from handrail.wire.codec import CLAIM_TYPE, content_type, decode_object, encode_body
from handrail.wire.limits import BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, CLAIM_OVER_BYTES
from handrail.wire.record import Outgoing, Record

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Claim:
    """Where the bytes of a body lie, and how to know that they are the right ones."""

    sha256: str
    size: int  #: in bytes
    partition: int  #: of the blobs topic
    offset: int  #: of the first chunk

    def encode(self) -> bytes:
        """Give the claim as JSON: the body of its record, or the value of a header."""
        return encode_body(asdict(self))

    @classmethod
    def decode(cls, body: bytes | None) -> "Claim":
        """Read a claim; raises a WireError when the bytes are none."""
        fields = decode_object(body)
        sha256 = fields.get("sha256")
        numbers = [fields.get(name) for name in ("size", "partition", "offset")]
        whole = [n for n in numbers if type(n) is int and n >= 0]
        if (
            not isinstance(sha256, str)
            or not _SHA256.fullmatch(sha256)
            or len(whole) != len(numbers)
        ):
            raise ClaimBroken(detail="the claim itself cannot be read")
        size, partition, offset = whole
        if size > BLOB_BYTES_MAX:
            raise TooLarge(what_is_large="claimed body", size=size, limit=BLOB_BYTES_MAX)
        return cls(sha256, size, partition, offset)


def needs_claim(body: bytes) -> bool:
    """Say whether a body travels as a claim."""
    return len(body) > CLAIM_OVER_BYTES


def is_claim(record: Record) -> bool:
    """Say whether the body of a record is a claim."""
    return content_type(record) == CLAIM_TYPE


def partition_of(sha256: str, partitions: int) -> int:
    """Give the partition of the blobs topic on which a blob is written."""
    return int(sha256[:8], 16) % partitions


def chunk(data: bytes, topic: str, partitions: int) -> tuple[Outgoing, ...]:
    """Cut bytes into the records to be written, in order; the first one's offset is the claim's.

    Raises TooLarge past BLOB_BYTES_MAX.
    """
    if len(data) > BLOB_BYTES_MAX:
        raise TooLarge(what_is_large="body", size=len(data), limit=BLOB_BYTES_MAX)
    sha256 = hashlib.sha256(data).hexdigest()
    pieces = [data[i : i + BLOB_CHUNK_BYTES] for i in range(0, len(data), BLOB_CHUNK_BYTES)] or [
        b""
    ]
    return tuple(
        Outgoing(
            topic=topic,
            key=sha256.encode(),
            value=piece,
            headers=(("chunk", str(i).encode()), ("chunks", str(len(pieces)).encode())),
            partition=partition_of(sha256, partitions),
        )
        for i, piece in enumerate(pieces)
    )


def claim_of(chunks: tuple[Outgoing, ...], first_offset: int) -> Claim:
    """Give the claim for chunks that were written, the first one at that offset."""
    first = chunks[0]
    return Claim(
        sha256=(first.key or b"").decode(),
        size=sum(len(c.value or b"") for c in chunks),
        partition=first.partition or 0,
        offset=first_offset,
    )


@dataclass(slots=True)
class Assembly:
    """Collects the chunks of one claim while the partition is read from the claim's offset."""

    claim: Claim
    pieces: list[bytes] = field(default_factory=list[bytes])

    def take(self, record: Record) -> bytes | None:
        """Take the next record; gives the whole body once the last chunk is there.

        Records of other blobs, and repeats of a chunk that is there already, are passed over.
        Raises ClaimBroken for a gap, or when the bytes are not those that were claimed.
        """
        if record.key != self.claim.sha256.encode():
            return None
        number, chunks = record.header("chunk"), record.header("chunks")
        expected = max(1, -(-self.claim.size // BLOB_CHUNK_BYTES))
        if number is None or not number.isdigit() or chunks != str(expected).encode():
            raise ClaimBroken(detail=f"chunk at offset {record.offset} has other headers")
        if int(number) < len(self.pieces):
            return None
        if int(number) > len(self.pieces):
            raise ClaimBroken(detail=f"chunk {len(self.pieces)} of {expected} is no longer there")
        self.pieces.append(record.value or b"")
        if len(self.pieces) < expected:
            return None
        whole = b"".join(self.pieces)
        if len(whole) != self.claim.size or hashlib.sha256(whole).hexdigest() != self.claim.sha256:
            raise ClaimBroken(detail="the stored bytes have another SHA-256")
        return whole
