"""From messages to records: small bodies travel in their record, large ones as a claim.

The bytes of a large body are committed to the blobs topic first, in a transaction of their own.
A crash between the two leaves bytes that nobody claims, and nothing else.
"""

import asyncio
from contextlib import aclosing

from handrail.bus.port import Bus
from handrail.errors.wire import ClaimBroken, EnvelopeInvalid, FanOutInvalid
from handrail.runtime.closed_topics import ClosedTopics
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.outputs import Outbound
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.answer import ReplyAddress
from handrail.wire.claim import Assembly, Claim, chunk, claim_of, is_claim, needs_claim
from handrail.wire.codec import CLAIM_TYPE, JSON_TYPE, encode_headers
from handrail.wire.limits import BLOB_CHUNK_BYTES
from handrail.wire.priority import without_priority
from handrail.wire.record import Outgoing, Record, TopicPartition

BLOBS = "blobs"
DAY_MS = 24 * 3_600_000
RENEWED_AFTER_MS = (
    6 * DAY_MS
)  #: with the day between two looks: 37 days less those of a dead letter
HIDDEN_S_MAX = 15.0  #: longer than a transaction may stay open (10 s)
LOOK_AGAIN_S = 0.1


class Packer:
    """Packs what a lane writes and unpacks what it reads."""

    def __init__(
        self, bus: Bus, place: TeamPlace, committer: Committer, closed: ClosedTopics
    ) -> None:
        """Write blobs through the lane's committer; nobody waits at the topics that are closed."""
        self._bus = bus
        self._place = place
        self._committer = committer
        self._closed = closed
        self._blob_partitions = 0
        self._counts: dict[str, int] = {}  # partitions of each topic, as seen once

    async def store(self, data: bytes) -> Claim:
        """Commit bytes to the blobs topic and give the claim on them."""
        topic = self._place.full(BLOBS)
        if not self._blob_partitions:
            self._blob_partitions = (await self._bus.admin.topics()).get(topic, 1)
        chunks = chunk(data, topic, self._blob_partitions)
        offsets = await self._committer.commit(Item(chunks))
        return claim_of(chunks, offsets[0])

    async def pack(self, message: Outbound) -> Outgoing:
        """Give the record of one message, its large body stored before."""
        body, content_type = message.body, JSON_TYPE
        if needs_claim(body):
            body, content_type = (await self.store(body)).encode(), CLAIM_TYPE
        return self.pack_small(message, body, content_type)

    def pack_small(
        self, message: Outbound, body: bytes | None = None, content_type: str = JSON_TYPE
    ) -> Outgoing:
        """Give the record of a message whose body fits."""
        headers = encode_headers(message.envelope, content_type)
        value = message.body if body is None else body
        topic = self._place.full(message.topic)
        return Outgoing(topic, message.key, value, headers, message.partition)

    async def knows(self, reply_to: str) -> bool:
        """Say whether this process can answer at the partition that a question names."""
        if self.knows_already(reply_to):
            return True
        self._counts = dict(await self._bus.admin.topics())
        return self.knows_already(reply_to)

    def knows_already(self, reply_to: str) -> bool:
        """Say the same without looking at the broker; False also when it was never looked at."""
        try:
            address = ReplyAddress.of(reply_to)
        except EnvelopeInvalid:
            return False
        topic = self._place.full(address.topic)
        return address.partition < self._counts.get(topic, 0) and not self._closed.is_left_out(
            topic
        )

    async def meets(self, gather: str) -> bool:
        """Say whether parts can meet there: this team reads it, or the broker has it for another.

        The agent may be gone that gathered them, and its inbox with it: what waits to be told
        there would wait for ever, and keep its lane from all else.
        """
        if self.meets_already(gather):
            return True
        self._counts = dict(await self._bus.admin.topics())
        return self.meets_already(gather)

    def meets_already(self, gather: str) -> bool:
        """Say the same without looking at the broker."""
        place, name = self._place, without_priority(gather)
        reads = place.urgent if gather != name else place.inboxes
        return name in reads or place.full(gather) in self._counts

    async def check_meets(self, gather: str) -> None:
        """Raise FanOutInvalid where no parts can meet."""
        if not await self.meets(gather):
            detail = f"no agent of this team gathers on {gather[:80]!r}, and the broker has it not"
            raise FanOutInvalid(detail=detail)

    async def body_of(self, record: Record) -> bytes | None:
        """Give the body of a record; a claimed one is fetched and its digest checked.

        Raises a WireError when the bytes are gone or are not the ones that were claimed.
        """
        return await fetch_body(self._bus, self._place.full(BLOBS), record)

    async def claimed(self, claim: Claim) -> bytes:
        """Give the bytes that a claim stands for. Raises ClaimBroken when they are gone."""
        return await fetch_claimed(self._bus, self._place.full(BLOBS), claim)


async def fetch_body(bus: Bus, blobs_topic: str, record: Record) -> bytes | None:
    """Give the body of a record; a claimed one is fetched from the blobs topic and checked."""
    if not is_claim(record):
        return record.value
    return await fetch_claimed(bus, blobs_topic, Claim.decode(record.value))


async def write_claim(bus: Bus, blobs_topic: str, body: bytes) -> Claim:
    """Put a large body onto the blobs topic, and give the claim that stands for it."""
    pieces = chunk(body, blobs_topic, (await bus.admin.topics())[blobs_topic])
    offsets = [(await bus.sender().send(piece))[1] for piece in pieces]
    return claim_of(pieces, offsets[0])


async def fetch_claimed(bus: Bus, blobs_topic: str, claim: Claim) -> bytes:
    """Give the bytes that a claim stands for, checked against their digest."""
    assembly = Assembly(claim)
    where = TopicPartition(blobs_topic, claim.partition)
    end = await _settled_end(bus, where, claim)
    start = max(claim.offset, await bus.begin_offset(where))
    async with aclosing(bus.fetch(where, start, end)) as pieces:
        async for piece in pieces:
            whole = assembly.take(piece)
            if whole is not None:
                return whole
    raise ClaimBroken(detail="its bytes are no longer on the topic, or not all of them")


async def _settled_end(bus: Bus, where: TopicPartition, claim: Claim) -> int:
    """Give the end of what can be read, once it lies behind the claimed bytes.

    A lane that was killed may have left a transaction open there, which hides everything behind
    it until it is settled or times out; what is hidden is not gone.
    """
    loop = asyncio.get_running_loop()
    over_s = loop.time() + HIDDEN_S_MAX
    behind = claim.offset + max(1, -(-claim.size // BLOB_CHUNK_BYTES))
    while True:
        end = await bus.end_offset(where)
        if end >= behind or loop.time() > over_s:
            return end
        await asyncio.sleep(LOOK_AGAIN_S)
