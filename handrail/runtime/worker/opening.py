"""Opening a lane: fence the predecessor, prove that the partition is ours, learn what it knew.

The order is the guarantee. The producer's init fences whoever wrote before and settles its open
transaction (A1). A commit on a side partition, under the generation that gave us this one, proves
that the group has not moved on (A3). Only then is the committed offset exact (A2): a coordinator
that has just restarted answers from a state that is seconds old until a write of the same group
has come through it (Apache Kafka 4.4.0, seen after kill -9), and A3 is that write. The journal is
read from the pointer to an end that is asked for, never until a poll comes back empty (A4). A new
epoch, in one transaction with the unchanged offset, is the real fence (A5): from here on a
predecessor that wakes up cannot write.
"""

from contextlib import aclosing
from dataclasses import dataclass, replace

from handrail.bus.port import Bus, GroupConsumer, LaneProducer, Membership, OffsetCommit
from handrail.errors import OffsetMetadataBroken, OffsetsLost
from handrail.lane.decision import LaneSettings
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.wire.record import TopicPartition

INIT_DEADLINE_S = 30.0
PROOF_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class LanePlace:
    """Where a lane lives on the broker."""

    group: str
    inbox: TopicPartition
    answers: TopicPartition
    journal: TopicPartition
    dead: TopicPartition

    @property
    def transactional_id(self) -> str:
        """The producer's name, one per lane for ever."""
        return f"{self.group}.{self.inbox.topic}.{self.inbox.partition}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A lane that may write."""

    lane: Lane
    producer: LaneProducer


async def open_lane(
    bus: Bus,
    consumer: GroupConsumer,
    membership: Membership,
    place: LanePlace,
    settings: LaneSettings,
    now_ms: int,
) -> Opened:
    """Open the lane or raise; after an error nothing of it is left open.

    Raises MembershipRefused or ProducerFenced when the partition is somebody else's now,
    OffsetsLost or OffsetMetadataBroken when going on could lose or repeat work, JournalBroken,
    and BrokerUnreachable.
    """
    producer = bus.lane_producer(place.transactional_id)
    try:
        await producer.init(deadline_s=INIT_DEADLINE_S)
        await consumer.prove_membership(membership, place.answers, deadline_s=PROOF_DEADLINE_S)
        lane = await _committed_lane(bus, place, settings)
        await _replay(bus, place, lane, now_ms)
        await begin_epoch(producer, place, lane, now_ms)
    except BaseException:
        await producer.close()
        raise
    return Opened(lane, producer)


async def begin_epoch(producer: LaneProducer, place: LanePlace, lane: Lane, now_ms: int) -> None:
    """Write the next epoch with the unchanged offset, in one transaction.

    Raises ProducerFenced when somebody was in between.
    """
    lane.epoch += 1
    entry = lane.lane_entry(Kind.EPOCH, now_ms)
    low, metadata = lane.offset_metadata(())
    record = encode_entry(entry, place.journal)
    offsets = await producer.commit([record], OffsetCommit(place.group, place.inbox, low, metadata))
    lane.committed((), [(entry.key, offsets[0], False)])


async def _committed_lane(bus: Bus, place: LanePlace, settings: LaneSettings) -> Lane:
    committed = (await bus.admin.committed(place.group, place.inbox.topic)).get(
        place.inbox.partition
    )
    where = f"{place.inbox.topic}[{place.inbox.partition}]"
    first = await bus.begin_offset(place.inbox)
    if committed is None:
        if await _journal_has_records(bus, place):
            raise OffsetsLost(
                where=where,
                agent=place.group,
                detail="the group has no offset although its journal has records",
            )
        return Lane(settings, first, None)
    end = await bus.end_offset(place.inbox)
    if committed.offset > end:
        raise OffsetsLost(
            where=where,
            agent=place.group,
            detail=f"the offset is {committed.offset} and the topic ends at {end}",
        )
    if committed.offset < first:
        raise OffsetsLost(
            where=where,
            agent=place.group,
            detail=f"the offset is {committed.offset} and the topic begins at {first}",
        )
    try:
        metadata = OffsetMetadata.decode(committed.metadata)
    except OffsetMetadataBroken as broken:
        raise OffsetMetadataBroken(
            where=where, group=place.group, agent=place.group, **broken.facts
        ) from broken
    return Lane(settings, committed.offset, metadata)


async def _journal_has_records(bus: Bus, place: LanePlace) -> bool:
    begin = await bus.begin_offset(place.journal)
    end = await bus.end_offset(place.journal)
    async with aclosing(bus.fetch(place.journal, begin, end)) as records:
        async for _ in records:
            return True
    return False


async def _replay(bus: Bus, place: LanePlace, lane: Lane, now_ms: int) -> None:
    start = max(lane.journal_end, await bus.begin_offset(place.journal))
    end = await bus.end_offset(place.journal)
    # As compaction would leave it: a key's last record, and no message that is read back later.
    found: dict[bytes, tuple[int, bytes, Entry | None]] = {}
    async with aclosing(bus.fetch(place.journal, start, end)) as records:
        async for record in records:
            key = record.key or b""
            found.pop(key, None)
            found[key] = (record.offset, key, _lean(decode_entry(record)))
    lane.restore(found.values(), end, now_ms)


def _lean(entry: Entry | None) -> Entry | None:
    if entry is None or entry.snapshot is None or entry.kind is not Kind.PARKED:
        return entry
    return replace(entry, snapshot=replace(entry.snapshot, value=None, headers=()))
