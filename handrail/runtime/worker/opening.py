"""Opening a lane: fence the predecessor, prove that the partition is ours, learn what it knew.

The order is the guarantee. The producer's init fences whoever wrote before and settles its open
transaction (A1). A commit on a side partition, under the generation that gave us this one, proves
that the group has not moved on (A3). Only then is the committed offset read (A2). The journal is
read from the pointer to an end that is asked for, never until a poll comes back empty (A4). A new
epoch, in one transaction with the unchanged offset, is the real fence (A5): from here on a
predecessor that wakes up cannot write.

A broker that was killed and has restarted may, for a while, answer as it stood some seconds
before: with an old offset of the group and an old end of a partition (seen on Apache Kafka 4.4.0).
Two things make us independent of that. Each transaction writes its offset into the journal, and
what the journal says counts; the group's offset, which is told later, only says where to begin to
look. And the end of the journal is not asked for but made: a record of our own, which says nothing,
has an offset below which everything of our predecessors lies.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from handrail.bus.port import Bus, GroupConsumer, LaneProducer, Membership, OffsetCommit
from handrail.errors import OffsetMetadataBroken, OffsetsLost
from handrail.lane.decision import LaneSettings
from handrail.lane.journal import (
    LANE,
    PROGRESS_KEY,
    Entry,
    Kind,
    decode_entry,
    encode_entry,
    journaled_offset,
    tombstone,
)
from handrail.lane.judging import judge_journal
from handrail.lane.lane import Lane
from handrail.lane.poison import Judgement
from handrail.lane.progress import OffsetMetadata
from handrail.lane.steps import lean
from handrail.wire.record import TopicPartition

INIT_DEADLINE_S = 30.0
PROOF_DEADLINE_S = 5.0
END_KEY = f"{LANE}/end/0".encode()


@dataclass(frozen=True, slots=True)
class LanePlace:
    """Where a lane lives on the broker."""

    group: str
    inbox: TopicPartition
    answers: TopicPartition
    journal: TopicPartition
    dead: TopicPartition

    @property
    def agent(self) -> str:
        """The name of the agent, as people know it: what follows the namespace in its group."""
        return self.group.rpartition(".")[2]

    @property
    def transactional_id(self) -> str:
        """The producer's name, one per lane for ever."""
        return f"{self.group}.{self.inbox.topic}.{self.inbox.partition}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A lane that may write."""

    lane: Lane
    producer: LaneProducer
    judgement: Judgement  #: how its last life has ended, and what follows for its handoffs


async def open_lane(
    bus: Bus,
    consumer: GroupConsumer,
    membership: Membership,
    place: LanePlace,
    settings: LaneSettings,
    now_ms: int,
    on_fenced: Callable[[], Awaitable[None]],
) -> Opened:
    """Open the lane or raise; after an error nothing of it is left open.

    Raises MembershipRefused or ProducerFenced when the partition is somebody else's now,
    OffsetsLost or OffsetMetadataBroken when going on could lose or repeat work, JournalBroken,
    and BrokerUnreachable.
    """
    producer = bus.lane_producer(place.transactional_id)
    try:
        await producer.init(deadline_s=INIT_DEADLINE_S)
        await on_fenced()
        await consumer.prove_membership(membership, place.answers, deadline_s=PROOF_DEADLINE_S)
        end = await _made_end(producer, place)
        lane, judgement, changed = await _restored_lane(bus, place, settings, end, now_ms)
        await begin_epoch(producer, place, lane, now_ms, changed)
    except BaseException:
        await producer.close()
        raise
    return Opened(lane, producer, judgement)


async def begin_epoch(
    producer: LaneProducer,
    place: LanePlace,
    lane: Lane,
    now_ms: int,
    changed: Sequence[Entry] = (),
) -> None:
    """Write the next epoch with the unchanged offset and `changed`, in one transaction.

    It voids what this process has released: that is in its own hands again, or gone. Raises
    ProducerFenced when somebody was in between.
    """
    lane.epoch += 1
    entry = lane.lane_entry(Kind.EPOCH, now_ms)
    low, metadata = lane.offset_metadata(())
    entries = [*changed, entry, lane.progress_entry(low, metadata)]
    records = [encode_entry(one, place.journal) for one in entries]
    records += [tombstone(key, place.journal) for key in lane.steps.releases.void_own()]
    commit = OffsetCommit(place.group, place.inbox, low, metadata)
    offsets = await producer.commit(records, commit)
    written = [
        (one.key or b"", offset, one.value is None)
        for one, offset in zip(records, offsets, strict=True)
    ]
    lane.committed((), written)


async def _made_end(producer: LaneProducer, place: LanePlace) -> int:
    """Write a record that says nothing and give its offset: the exact end of all before it."""
    (offset,) = await producer.commit([tombstone(END_KEY, place.journal)])
    return offset


async def _restored_lane(
    bus: Bus, place: LanePlace, settings: LaneSettings, end: int, now_ms: int
) -> tuple[Lane, Judgement, Sequence[Entry]]:
    low, metadata = await _committed(bus, place, end)
    start = max(metadata.journal if metadata else 0, await bus.begin_offset(place.journal))
    found = await _journal_as_compacted(bus, place.journal, start, end)
    progress = found.get(PROGRESS_KEY)
    said = progress[2] if progress is not None else None
    where = f"{place.inbox.topic}[{place.inbox.partition}]"
    if said is not None:
        told, (low, metadata) = low, journaled_offset(said)
        if told > low:
            detail = f"the offset is {told} and the journal knows of {low} only"
            raise OffsetsLost(where=where, agent=place.agent, detail=detail)
    elif metadata is not None:
        detail = f"the offset is {low} and the journal no longer says how far the lane had come"
        raise OffsetsLost(where=where, agent=place.agent, detail=detail)
    # Not the group's offset: it is told late, and what is finished may be deleted by then.
    if low < (first := await bus.begin_offset(place.inbox)):
        detail = f"the lane has come to {low} and the topic begins at {first}"
        raise OffsetsLost(where=where, agent=place.agent, detail=detail)
    lane = Lane(settings, low, metadata)
    # What is gone was settled, although no transaction may have come to say so.
    lane.answers = max(lane.answers, await bus.begin_offset(place.answers))
    judgement, judged = judge_journal(found.values(), settings.owner)
    lane.restore(judged, end, now_ms)
    changed = [
        replace(entry, epoch=lane.epoch + 1)
        for _, _, entry in judged
        if entry is not None
        and entry.kind is Kind.ACCEPTED
        and entry.invocation in judgement.changed
    ]
    return lane, judgement, changed


async def _committed(
    bus: Bus, place: LanePlace, journal_end: int
) -> tuple[int, OffsetMetadata | None]:
    """What the group knows: where to begin, and where in the journal to look."""
    committed = (await bus.admin.committed(place.group, place.inbox.topic)).get(
        place.inbox.partition
    )
    where = f"{place.inbox.topic}[{place.inbox.partition}]"
    if committed is None:
        if await _journal_says_anything(bus, place.journal, journal_end):
            raise OffsetsLost(
                where=where,
                agent=place.agent,
                detail="the group has no offset although its journal has records",
            )
        return await bus.begin_offset(place.inbox), None
    try:
        metadata = OffsetMetadata.decode(committed.metadata)
    except OffsetMetadataBroken as broken:
        raise OffsetMetadataBroken(
            where=where, group=place.group, agent=place.agent, **broken.facts
        ) from broken
    return committed.offset, metadata


async def _journal_says_anything(bus: Bus, journal: TopicPartition, end: int) -> bool:
    begin = await bus.begin_offset(journal)
    async with aclosing(bus.fetch(journal, begin, end)) as records:
        async for record in records:
            if record.value is not None:
                return True
    return False


async def _journal_as_compacted(
    bus: Bus, journal: TopicPartition, start: int, end: int
) -> dict[bytes, tuple[int, bytes, Entry | None]]:
    """Each key's last record, in their order, without the messages that are read back later."""
    found: dict[bytes, tuple[int, bytes, Entry | None]] = {}
    async with aclosing(bus.fetch(journal, start, end)) as records:
        async for record in records:
            key = record.key or b""
            found.pop(key, None)
            found[key] = (record.offset, key, _lean(decode_entry(record)))
    return found


def _lean(entry: Entry | None) -> Entry | None:
    if entry is not None and entry.kind is Kind.OUTCOME:
        return lean(entry)
    if entry is None or entry.snapshot is None or entry.kind is not Kind.PARKED:
        return entry
    return replace(entry, snapshot=replace(entry.snapshot, value=None, headers=()))
