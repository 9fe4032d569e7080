"""Reads what a proxy has to know of Kafka's requests, and puts other addresses into answers.

Nothing here touches a socket. A frame is what stands behind the four bytes of its length. Checked
against the message definitions of Apache Kafka 4.4.0: every version up to those named in
`NEWEST_READ` is read. Of an answer only what names a broker is read and replaced; all else passes
byte for byte. What a later version says is refused with ValueError, never guessed.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

VERSION_MAX = 32_767
MORE_FOLLOWS = 0x80  #: the bit of a byte that says that its number goes on


class Api(IntEnum):
    """The requests that a proxy tells apart, by their numbers on the wire."""

    PRODUCE = 0
    METADATA = 3
    OFFSET_COMMIT = 8
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_CLUSTER = 60


#: from which version on a request has compact strings and tagged fields
FLEXIBLE_FROM: Mapping[int, int] = {
    Api.PRODUCE: 9,
    Api.METADATA: 9,
    Api.OFFSET_COMMIT: 8,
    Api.FIND_COORDINATOR: 3,
    Api.JOIN_GROUP: 6,
    Api.HEARTBEAT: 4,
    Api.LEAVE_GROUP: 4,
    Api.SYNC_GROUP: 4,
    Api.API_VERSIONS: 3,
    Api.INIT_PRODUCER_ID: 2,
    Api.ADD_PARTITIONS_TO_TXN: 3,
    Api.ADD_OFFSETS_TO_TXN: 3,
    Api.END_TXN: 3,
    Api.TXN_OFFSET_COMMIT: 3,
    Api.DESCRIBE_CLUSTER: 0,
}
#: the answers that name brokers, and the last version of each that is understood
NEWEST_READ: Mapping[int, int] = {
    Api.METADATA: 13,
    Api.FIND_COORDINATOR: 6,
    Api.DESCRIBE_CLUSTER: 2,
}
_OF_GROUPS = frozenset(
    {Api.OFFSET_COMMIT, Api.JOIN_GROUP, Api.HEARTBEAT, Api.LEAVE_GROUP, Api.SYNC_GROUP}
)
_OF_TRANSACTIONS = frozenset(
    {
        Api.PRODUCE,
        Api.INIT_PRODUCER_ID,
        Api.ADD_PARTITIONS_TO_TXN,
        Api.ADD_OFFSETS_TO_TXN,
        Api.END_TXN,
        Api.TXN_OFFSET_COMMIT,
    }
)
_NAMELESS_PRODUCE = 3  #: versions of Produce below this one name no transaction
_BATCHED_FROM = 4  #: AddPartitionsToTxn from this version on is spoken by brokers alone
_KEYED_FROM, _MANY_FROM = 1, 4  #: FindCoordinator: names what it looks for; looks for several

_WAITING_FROM = 3  #: Metadata: begins with how long the client is asked to wait
_FENCED_FROM = 2  #: DescribeCluster: says of each broker whether it is fenced


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a client sent it."""

    api: int
    version: int
    correlation_id: int
    client_id: str | None
    frame: bytes
    body_at: int  #: where its own fields begin

    @property
    def flexible(self) -> bool:
        """Whether its strings are compact."""
        since = FLEXIBLE_FROM.get(self.api)
        return since is not None and self.version >= since

    @property
    def transactional_id(self) -> str | None:
        """Whose transaction it belongs to; None when it belongs to none."""
        if self.api == Api.PRODUCE and self.version < _NAMELESS_PRODUCE:
            return None
        if self.api == Api.ADD_PARTITIONS_TO_TXN and self.version >= _BATCHED_FROM:
            return None
        return self._first_name()[0] if self.api in _OF_TRANSACTIONS else None

    @property
    def group(self) -> str | None:
        """Which group's coordinator it is for; None when it is for none."""
        if self.api in _OF_GROUPS:
            return self._first_name()[0]
        if self.api != Api.FIND_COORDINATOR:
            return None
        if self.version >= _MANY_FROM:
            walk = _Walk(self.frame, self.body_at + 1, compact=True)
            name = walk.string() if walk.count() else None
            return name if self.frame[self.body_at] == 0 else None
        name, at = self._first_name()
        return name if self.version < _KEYED_FROM or self.frame[at] == 0 else None

    @property
    def commits(self) -> bool:
        """Whether it ends a transaction by committing it."""
        if self.api != Api.END_TXN:
            return False
        _, at = self._first_name()
        # Behind the name stand the producer's id, eight bytes, and its epoch, two.
        return self.frame[at + 10] != 0

    @property
    def is_answered(self) -> bool:
        """Whether the broker answers it; records that ask for no acknowledgement are not."""
        if self.api != Api.PRODUCE:
            return True
        at = self.body_at if self.version < _NAMELESS_PRODUCE else self._first_name()[1]
        return self.frame[at : at + 2] != b"\x00\x00"

    def _first_name(self) -> tuple[str | None, int]:
        walk = _Walk(self.frame, self.body_at, compact=self.flexible)
        return walk.string(), walk.at


def parse_request(frame: bytes) -> Request:
    """Read the head of a request. Raises ValueError for what is none."""
    try:
        api, version, correlation_id = struct.unpack_from(">hhi", frame)
        head = _Walk(frame, struct.calcsize(">hhi"), compact=False)
        client_id = head.string()
        # The name of the client is never compact, although the tags behind it may be there.
        walk = _Walk(frame, head.at, compact=version >= FLEXIBLE_FROM.get(api, VERSION_MAX + 1))
        walk.tags()
    except (struct.error, IndexError) as error:
        raise ValueError("a frame ends within its head") from error
    return Request(api, version, correlation_id, client_id, frame, walk.at)


def correlation_of(answer: bytes) -> int:
    """Give the number of the request that an answer belongs to. Raises ValueError."""
    if len(answer) < struct.calcsize(">i"):
        raise ValueError("an answer is too short for its number")
    return int.from_bytes(answer[:4], "big", signed=True)


def addresses_in(request: Request, answer: bytes) -> frozenset[Address]:
    """Give the brokers that an answer names. Raises ValueError for a version that is unknown."""
    return frozenset(place.address for place in _places(request, answer))


def readdressed(request: Request, answer: bytes, through: Mapping[Address, Address]) -> bytes:
    """Give the answer with each broker's address replaced by the one to go through.

    Raises ValueError for a version that is unknown, and KeyError for an address without another.
    """
    pieces: list[bytes] = []
    at = 0
    for place in _places(request, answer):
        host, port = through[place.address]
        pieces += [answer[at : place.start], _string(host, compact=request.flexible)]
        pieces.append(struct.pack(">i", port))
        at = place.end
    return b"".join([*pieces, answer[at:]])


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    end: int
    address: Address


def _places(request: Request, answer: bytes) -> Iterator[_Place]:
    newest = NEWEST_READ.get(request.api)
    if newest is None:
        return
    if request.version > newest:
        raise ValueError(f"{Api(request.api).name} {request.version} is not understood")
    walk = _Walk(answer, 4, compact=request.flexible)
    try:
        walk.tags()
        for place in _WALKS[request.api](walk, request.version):
            if place.address.port > 0:  # A coordinator that is not there has neither.
                yield place
    except (struct.error, IndexError) as error:
        raise ValueError("an answer ends within an address") from error


def _of_metadata(walk: "_Walk", version: int) -> Iterator[_Place]:
    walk.at += 4 if version >= _WAITING_FROM else 0
    for _ in range(walk.count()):
        walk.at += 4
        yield walk.address()
        if version >= 1:
            walk.string()
        walk.tags()


def _of_find_coordinator(walk: "_Walk", version: int) -> Iterator[_Place]:
    if version < _MANY_FROM:
        walk.at += 4 if version >= 1 else 0
        walk.at += 2
        if version >= 1:
            walk.string()
        walk.at += 4
        yield walk.address()
        return
    walk.at += 4
    for _ in range(walk.count()):
        walk.string()
        walk.at += 4
        yield walk.address()
        walk.at += 2
        walk.string()
        walk.tags()


def _of_describe_cluster(walk: "_Walk", version: int) -> Iterator[_Place]:
    walk.at += 6
    walk.string()
    walk.at += 1 if version >= 1 else 0
    walk.string()
    walk.at += 4
    for _ in range(walk.count()):
        walk.at += 4
        yield walk.address()
        walk.string()
        walk.at += 1 if version >= _FENCED_FROM else 0
        walk.tags()


_WALKS: Mapping[int, Callable[["_Walk", int], Iterator[_Place]]] = {
    Api.METADATA: _of_metadata,
    Api.FIND_COORDINATOR: _of_find_coordinator,
    Api.DESCRIBE_CLUSTER: _of_describe_cluster,
}


class _Walk:
    """Goes through the fields of a frame, which are compact throughout or nowhere."""

    def __init__(self, data: bytes, at: int, *, compact: bool) -> None:
        self.at = at
        self._data = data
        self._compact = compact

    def string(self) -> str | None:
        length = self._varint() - 1 if self._compact else self._int(">h")
        if length < 0:
            return None
        if self.at + length > len(self._data):
            raise IndexError
        self.at += length
        return self._data[self.at - length : self.at].decode(errors="replace")

    def count(self) -> int:
        return self._varint() - 1 if self._compact else self._int(">i")

    def address(self) -> _Place:
        start = self.at
        host = self.string() or ""
        port = self._int(">i")
        return _Place(start, self.at, Address(host, port))

    def tags(self) -> None:
        """Pass over the tagged fields that end every part of a compact frame."""
        if not self._compact:
            return
        for _ in range(self._varint()):
            self._varint()
            size = self._varint()
            self.at += size

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < MORE_FOLLOWS:
                return value
            shift += 7

    def _int(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += struct.calcsize(form)
        return int(value)


def _string(text: str, *, compact: bool) -> bytes:
    raw = text.encode()
    if not compact:
        return struct.pack(">h", len(raw)) + raw
    length, head = len(raw) + 1, bytearray()
    while length >= MORE_FOLLOWS:
        head.append(length & 0x7F | MORE_FOLLOWS)
        length >>= 7
    head.append(length)
    return bytes(head) + raw
