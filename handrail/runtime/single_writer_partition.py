"""One partition of what a single writer reads: its producer, what it knows, and its transactions.

State, answers and how far was read are written in one transaction, so that a crash at any point
leaves all of them or none. What is known is always what the writer's own partitions say, and it is
read from there again whenever a transaction failed or the partition was away. The consumer group
is told later: that costs two requests, and nothing but the lag that tools show depends on it.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from handrail.bus.port import Bus, GroupConsumer, LaneProducer, Membership, OffsetCommit
from handrail.errors.ledger import LedgerCut, LedgerShrunk
from handrail.errors.root import HandrailError
from handrail.errors.transport import (
    BrokerUnreachable,
    CommitDoubtful,
    ProducerFenced,
    TopicAway,
)
from handrail.lane.telling import Telling
from handrail.wire.record import Outgoing, Record, TopicPartition

INIT_DEADLINE_S = 30.0
PROOF_DEADLINE_S = 5.0
LAST_WORD_DEADLINE_S = 3.0
END_KEY = b"handrail/end"
SHRUNK_ASKED_AGAIN_S, SHRUNK_ASKED_COUNT_MAX = 0.1, 50
SWEEP_EVERY_MS = 24 * 3_600_000
RECALL_GAP_OFFSETS_MAX = 200  #: own records that lie closer are read back in one go


#: Gives what time alone has made due on topics that others write as well: partition, and now.
Sweep = Callable[[int, int], Awaitable[Sequence[Outgoing]]]
#: Learns what has to be known of the broker before a batch is taken.
Learn = Callable[[Sequence[Record]], Awaitable[None]]
#: Says of a topic to which nothing can be written that the writer, opened anew, does without it.
MayGo = Callable[[TopicAway], bool]


def _none_may(away: TopicAway) -> bool:
    del away
    return False


class OwnPlace(NamedTuple):
    """Where an own record lies, on the partition that a book is about."""

    topic: str  #: as the broker names it
    offset: int


class Book(Protocol):
    """What a single writer knows of one partition. It decides and touches neither clock nor bus.

    A batch goes `begin`, `recall`, `decide`, and then either `committed` or `undo`.
    """

    @property
    def read_to(self) -> int | None:
        """The next offset to read, by what the own partitions say; None when they say nothing.

        What was read from there on is decided on as if for the first time, unless nothing came of
        it: then deciding once more gives nothing again.
        """
        ...

    def restore(self, records: Sequence[Record]) -> None:
        """Take in own records, each once, those of one topic in order."""
        ...

    def begin(self, records: Sequence[Record]) -> Sequence[OwnPlace]:
        """Take a batch of what is read; say which own records are needed for it."""
        ...

    def recall(self, records: Sequence[Record]) -> None:
        """Take own records that were asked for, and perhaps others."""
        ...

    def decide(self, now_ms: int) -> Sequence[Outgoing]:
        """Give what has to be written for the batch, but for the last `left_count` of it."""
        ...

    @property
    def left_count(self) -> int:
        """How much at the end of the batch has to come again, since it is too much at once."""
        ...

    def overdue(self, now_ms: int) -> Sequence[Outgoing]:
        """Give some records that time alone makes due; then `committed` or `undo`."""
        ...

    def committed(self, offsets: Sequence[int]) -> None:
        """Learn that everything decided was written, and at which offsets."""
        ...

    def undo(self) -> None:
        """Forget everything that was decided and not committed."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class WriterPlan:
    """Which topic a single writer reads and which are its own; all have the same partitions."""

    namespace: str
    name: str
    reads: str
    owns: tuple[str, ...]  #: on the first of them it proves that a partition is its
    sweep: Sweep | None = None  #: once a day
    learn: Learn | None = None  #: before each batch
    may_go: MayGo = _none_may
    cut: type[HandrailError] = LedgerCut  #: for what was deleted before it was read
    shrunk: type[HandrailError] = LedgerShrunk  #: for a topic that ends before what was read of it

    @property
    def group(self) -> str:
        """The consumer group whose members share the partitions."""
        return f"{self.namespace}.{self.name}"

    @property
    def input_topic(self) -> str:
        """What is read, as the broker names it."""
        return f"{self.namespace}.{self.reads}"

    @property
    def own_topics(self) -> tuple[str, ...]:
        """The compacted topics that only this writer writes, as the broker names them."""
        return tuple(f"{self.namespace}.{name}" for name in self.owns)

    def transactional_id(self, partition: int) -> str:
        """The producer's name, one per partition for ever."""
        return f"{self.namespace}.{self.name}.{partition}"


class WriterPartition:
    """Opens one partition, takes batches from it, and lets it go. One call at a time waits."""

    def __init__(self, bus: Bus, plan: WriterPlan, partition: int, book: Book) -> None:
        """Nothing is sent or read before `open`."""
        self.reads = TopicPartition(plan.input_topic, partition)
        self.owns = tuple(TopicPartition(topic, partition) for topic in plan.own_topics)
        self._bus = bus
        self._plan = plan
        self._book = book
        self._id = plan.transactional_id(partition)
        self._producer: LaneProducer | None = None
        #: by own topic, the first offset that the book has not seen
        self._own_next = dict.fromkeys(plan.own_topics, 0)
        self.next_offset = 0  #: the first offset of the input that is not folded
        self._sweeps_from_ms = 0
        self._telling = Telling()  # on the machine's own clock, whatever clock tasks live by
        self._lock = asyncio.Lock()

    async def open(
        self, consumer: GroupConsumer, membership: Membership, *, prove_first: bool = False
    ) -> int:
        """Fence the predecessor, prove ownership, catch up on the own partitions.

        With `prove_first` nobody is fenced before the group has accepted us once. Gives the
        offset to read on from. Raises MembershipRefused, ProducerFenced, BrokerUnreachable,
        StateBroken, or what the plan says of a topic that was cut or shrunk; nothing is open then.
        """
        async with self._lock:
            await self._let_go()
            if prove_first:
                await self._prove(consumer, membership)
            producer = self._bus.lane_producer(self._id)
            try:
                await producer.init(deadline_s=INIT_DEADLINE_S)
                await self._prove(consumer, membership)
                committed = await self._committed_offset()
                await self._catch_up(producer)
                self.next_offset = await self._place_to_read(committed)
                if self.next_offset != committed:
                    self._telling.ended(time.monotonic())
            except BaseException:
                await producer.close()
                raise
            self._producer = producer
            return self.next_offset

    async def _prove(self, consumer: GroupConsumer, membership: Membership) -> None:
        await consumer.prove_membership(membership, self.owns[0], deadline_s=PROOF_DEADLINE_S)

    async def _committed_offset(self) -> int | None:
        # Read after the init, which settled the predecessor's transaction. A coordinator that has
        # just restarted may still give an older one; the rows say how far each was folded.
        offsets = await self._bus.admin.committed(self._plan.group, self.reads.topic)
        found = offsets.get(self.reads.partition)
        return None if found is None else found.offset

    async def _catch_up(self, producer: LaneProducer) -> None:
        begins = [await self._bus.begin_offset(where) for where in self.owns]
        # A broker that has just restarted may not know its own end yet (Apache Kafka 4.4.0): a
        # record of ours, which says nothing, makes an end below which our predecessors' lie.
        nothing = [Outgoing(where.topic, END_KEY, None, (), where.partition) for where in self.owns]
        ends = await producer.commit(nothing)
        for where, end in zip(self.owns, ends, strict=True):
            if self._own_next[where.topic] > end:
                raise self._shrunk(where, self._own_next[where.topic], end)
        for where, begin, end in zip(self.owns, begins, ends, strict=True):
            await self._read_own(where, max(begin, self._own_next[where.topic]), end)
            self._own_next[where.topic] = end

    async def _read_own(self, where: TopicPartition, start: int, end: int) -> None:
        batch: list[Record] = []
        async for record in self._bus.fetch(where, start, end):
            if record.key != END_KEY:
                batch.append(record)
            if len(batch) >= RECALL_GAP_OFFSETS_MAX:
                self._book.restore(batch)
                batch.clear()
        self._book.restore(batch)

    async def _place_to_read(self, committed: int | None) -> int:
        first = await self._bus.begin_offset(self.reads)
        end = await self._bus.end_offset(self.reads)
        # The group is told last, and forgets when nobody was there for long; the own records do not
        # say that something was read of which nothing came.
        known = [place for place in (committed, self._book.read_to) if place is not None]
        if not known:
            return first
        place = max(known)
        asked_count = 0
        while place > end and asked_count < SHRUNK_ASKED_COUNT_MAX:
            # What is ours to write we can measure; of this one we can only ask again.
            await asyncio.sleep(SHRUNK_ASKED_AGAIN_S)
            end = await self._bus.end_offset(self.reads)
            asked_count += 1
        if place > end:
            raise self._shrunk(self.reads, place, end)
        if place < first:
            where = self._name(self.reads)
            raise self._plan.cut(where=where, reader=self._plan.name, read=place, first=first)
        return place

    def _shrunk(self, where: TopicPartition, read: int, end: int) -> HandrailError:
        return self._plan.shrunk(
            where=self._name(where), reader=self._plan.name, read=read, end=end
        )

    @staticmethod
    def _name(where: TopicPartition) -> str:
        return f"{where.topic}[{where.partition}]"

    async def take(self, records: Sequence[Record], now_ms: int) -> int:
        """Write what a batch leads to, and by it that it was read, in one transaction.

        Gives how many were taken; those that were taken before are passed over, and what would be
        too much at once is to be given again, from `next_offset` on. Raises ProducerFenced,
        CommitDoubtful, RecordRefused or BrokerUnreachable; the partition must be opened again then.
        """
        async with self._lock:
            fresh = [record for record in records if record.offset >= self.next_offset]
            if not fresh:
                return 0
            if self._producer is None:
                # Passing over a batch would lose it as soon as the next one is committed.
                raise ProducerFenced(transactional_id=self._id)
            try:
                await self._recall(self._book.begin(fresh))
                out = self._book.decide(now_ms)
                count = len(fresh) - self._book.left_count
                place = fresh[-1].offset + 1 if count == len(fresh) else fresh[count].offset
                offset = self._offset(place) if self.tells_group_now else None
                await self._write(self._producer, out, offset)
            except BaseException:
                # A cancelled commit is as doubtful as a failed one.
                await self._let_go()
                raise
            self.next_offset = place
            if offset is None:
                self._telling.ended(time.monotonic())
            return count

    @property
    def tells_group_now(self) -> bool:
        """Whether the consumer group has waited long enough to be told how far was read."""
        return self._telling.is_due(time.monotonic())

    async def tell_group(self) -> None:
        """Tell the consumer group how far was read. Raises as `take` does."""
        async with self._lock:
            if self._producer is None:
                return
            try:
                await self._write(self._producer, (), self._offset(self.next_offset))
            except BaseException:
                await self._let_go()
                raise

    def _offset(self, place: int) -> OffsetCommit:
        return OffsetCommit(self._plan.group, self.reads, place, "")

    async def tidy(self, now_ms: int) -> bool:
        """Write what time alone has made due, a bounded part of it; say whether more may be left.

        Raises as `take` does.
        """
        swept: Sequence[Outgoing] = ()
        is_due = now_ms >= self._sweeps_from_ms and self._producer is not None
        if self._plan.sweep is not None and is_due:
            # Read before the lock is taken, so that no batch waits for it.
            swept = await self._plan.sweep(self.reads.partition, now_ms)
        async with self._lock:
            if self._producer is None:
                return False
            try:
                records = self._book.overdue(now_ms)
                if records:
                    await self._write(self._producer, records, None)
                if swept:
                    await self._producer.commit(swept)  # and what is left is looked for at once
                elif is_due:
                    self._sweeps_from_ms = now_ms + SWEEP_EVERY_MS
            except BaseException:
                await self._let_go()
                raise
            return bool(records)

    async def _write(
        self, producer: LaneProducer, records: Sequence[Outgoing], offset: OffsetCommit | None
    ) -> None:
        offsets: Sequence[int] = ()
        if records or offset is not None:
            offsets = await producer.commit(records, offset)
        if offset is not None:
            self._telling.told()
        self._book.committed(offsets)
        for record, at in zip(records, offsets, strict=True):
            if record.topic in self._own_next:
                self._own_next[record.topic] = max(self._own_next[record.topic], at + 1)

    async def _recall(self, places: Sequence[OwnPlace]) -> None:
        offsets: dict[str, list[int]] = defaultdict(list)
        for place in places:
            offsets[place.topic].append(place.offset)
        for where in self.owns:
            for start, end in _runs(offsets[where.topic]):
                found = [record async for record in self._bus.fetch(where, start, end)]
                self._book.recall(found)

    async def close(self, *, last_word: bool = False) -> None:
        """Let a running transaction end, then give the producer back. What is known is kept.

        With a `last_word` the group is told how far was read, if it does not know and can be told.
        """
        async with self._lock:
            if last_word and self._producer is not None and self._telling.due_s is not None:
                with suppress(ProducerFenced, CommitDoubtful, BrokerUnreachable):
                    last = self._offset(self.next_offset)
                    await self._producer.commit((), last, deadline_s=LAST_WORD_DEADLINE_S)
                    self._telling.told()
            await self._let_go()

    async def discard(self) -> None:
        """Close, and forget what is known."""
        await self.close()
        self._book.close()

    async def _let_go(self) -> None:
        self._book.undo()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()


def _runs(offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Join offsets that lie close together into ranges [start, end)."""
    runs: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if runs and offset - runs[-1][1] <= RECALL_GAP_OFFSETS_MAX:
            runs[-1] = (runs[-1][0], offset + 1)
        else:
            runs.append((offset, offset + 1))
    return runs
