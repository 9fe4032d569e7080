"""The only writer of a lane: gathers what is ready and commits it in one transaction.

Items are committed in the order in which they were handed over. While a commit is in flight
the next batch gathers, so a busy lane pays for a transaction once per batch, not once per
handoff. Nothing is retried here except a batch with a record that the broker refuses: its
items are committed one by one and the refused one is told. After any other error the committer
is over, and the lane has to be opened anew to learn what was written.

What counts as finished is written to the journal in the very transaction that finishes it. The
consumer group is told later (`handrail.lane.telling`): telling it costs two more requests, and only
tools that show the lag, and the place where an opener begins to read the journal, depend on it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from handrail.bus.port import NOT_ALLOWED, Ahead, LaneProducer, OffsetCommit, Written
from handrail.errors import RecordRefused, TopicAway
from handrail.lane.journal import Entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.telling import Telling
from handrail.runtime.closed_topics import ClosedTopics
from handrail.runtime.failpoint import FailPoints, NoFailPoints
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.produced import PRODUCED, commit_produced
from handrail.runtime.worker.traffic import Traffic
from handrail.wire.memory import Positions, reading
from handrail.wire.record import Outgoing
from handrail.wire.size import record_size

BATCH_ITEMS_MAX = 100
BATCH_BYTES_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class InHand:
    """The outcome of a step that is not known to be committed, and what was to go with it."""

    entry: Entry
    beside: Sequence[Outgoing] = ()


@dataclass(slots=True, eq=False)
class Item:
    """Records and finished offsets that belong together: all or nothing."""

    records: Sequence[Outgoing]
    completes: Sequence[int] = ()
    on_committed: Callable[[Sequence[int]], None] | None = None
    on_refused: Callable[[RecordRefused], None] | None = None
    instead: Callable[[], Sequence[Outgoing]] | None = None
    """Gives what is committed in its place, in its order, when one of its records is refused."""
    outcome: Entry | None = None  #: of a step, which must not be lost when the lane opens anew
    beside: Sequence[Outgoing] = ()  #: those of its records that must not be lost with it either
    done: "asyncio.Future[Sequence[int]] | None" = field(default=None)
    prepare: Callable[[], Sequence[Outgoing]] | None = None
    """Gives the records when everything before has committed; the item is then alone."""
    commands: Sequence[Outgoing] = ()
    """Written ahead in the same transaction; the first `followers` records say where they stand."""
    followers: int = 0
    answers: int = 0  #: below it the answers are settled once this has committed, and not before
    tells_group: bool = False  #: whether the group is told of the offset with it, and not later
    began_s: float = 0.0  #: on the machine's own clock: when its last transaction began

    @property
    def size_bytes(self) -> int:
        """How much its records weigh."""
        return sum(record_size(record) for record in (*self.records, *self.commands))


@dataclass(frozen=True, slots=True)
class Shared:
    """What the committers of one process have in common."""

    traffic: Traffic = field(default_factory=Traffic)  #: says when it is whose turn
    closed: ClosedTopics = field(default_factory=ClosedTopics)  #: where nothing can be written
    points: FailPoints = field(default_factory=NoFailPoints)


class Committer:
    """Commits the items of one lane, one transaction at a time."""

    def __init__(
        self,
        lane: Lane,
        producer: LaneProducer,
        place: LanePlace,
        renew: Callable[[LaneProducer], Awaitable[LaneProducer]],
        shared: Shared | None = None,
    ) -> None:
        """Write through `producer`; `renew` gives another one after an aborted transaction."""
        shared = shared or Shared()
        self._points, self._traffic, self._closed = shared.points, shared.traffic, shared.closed
        self._lane = lane
        self._producer = producer
        self._place = place
        self._renew = renew
        self._queue: deque[Item] = deque()
        self._batch: list[Item] = []  # what is being committed
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = asyncio.Event()
        self._running.set()
        self._settled = asyncio.Event()
        self._settled.set()
        self._telling = Telling()  # on the machine's own clock, whatever clock tasks live by

    def hand(self, item: Item) -> None:
        """Queue an item; it commits after everything that was handed over before."""
        self._queue.append(item)
        self._idle.clear()
        self._wake.set()

    async def commit(self, item: Item) -> Sequence[int]:
        """Queue an item and wait until it has committed; give its records' offsets.

        Raises RecordRefused when the broker will not take one of its records.
        """
        item.done = asyncio.get_running_loop().create_future()
        self.hand(item)
        return await item.done

    async def flush(self) -> None:
        """Wait until everything that was handed over before has committed."""
        if not self._idle.is_set():
            await self.commit(Item(()))

    @property
    def outcomes_in_hand(self) -> list[InHand]:
        """Outcomes of steps that were handed over and are not known to be committed."""
        items = (*self._batch, *self._queue)
        return [InHand(one.outcome, one.beside) for one in items if one.outcome is not None]

    @property
    def is_idle(self) -> bool:
        """True when nothing is queued or in flight."""
        return self._idle.is_set()

    @property
    def producer(self) -> LaneProducer:
        """The producer that writes now."""
        return self._producer

    def suspend(self) -> None:
        """Start no further transaction; what is in flight ends."""
        self._running.clear()

    def resume(self) -> None:
        """Go on with what was queued."""
        self._running.set()

    async def settle(self) -> None:
        """After `suspend`: wait until no transaction is in flight."""
        await self._settled.wait()

    async def run(self) -> None:
        """Commit until cancelled. Raises what ended the lane: fenced, doubtful, unreachable."""
        while True:
            await self._woken()
            await self._running.wait()
            async with self._traffic.turn():
                # Let everything that is ready to run add its item to this batch.
                await asyncio.sleep(0)
                if not self._running.is_set():
                    continue
                batch = self._next_batch()
                if batch or self._tells_group_now(batch):
                    self._batch = batch
                    await self._commit_batch(batch)
                    self._batch = []
            if not self._queue:
                self._wake.clear()
                self._idle.set()

    async def _woken(self) -> None:
        """Wait for an item, no longer than the group may wait for its offset."""
        due_s = self._telling.due_s
        if due_s is None:
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, due_s - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return

    def _tells_group_now(self, batch: Sequence[Item]) -> bool:
        return self._telling.is_due(time.monotonic()) or any(item.tells_group for item in batch)

    def _next_batch(self) -> list[Item]:
        batch: list[Item] = []
        size_bytes = 0
        while self._queue and len(batch) < BATCH_ITEMS_MAX:
            if self._queue[0].prepare is not None:
                return batch or [self._prepared(self._queue.popleft())]
            size_bytes += self._queue[0].size_bytes
            if batch and size_bytes > BATCH_BYTES_MAX:
                break
            batch.append(self._queue.popleft())
        return batch

    @staticmethod
    def _prepared(item: Item) -> Item:
        assert item.prepare is not None
        item.records = item.prepare()
        return item

    async def _commit_batch(self, batch: list[Item]) -> None:
        try:
            await self._transact(batch)
        except RecordRefused as refused:
            if isinstance(refused, TopicAway) and not self._may_do_without(refused):
                raise  # nobody's record is to blame: the lane opens anew until it is there
            await self._renew_producer()
            self._telling.told()  # by the renewed producer's first transaction
            if len(batch) == 1 and (less := batch[0].instead) is not None:
                batch[0].records, batch[0].instead = less(), None
                await self._running.wait()
                await self._commit_batch(batch)
                return
            if len(batch) == 1:
                self._refuse(batch[0], refused)
                return
            for item in batch:
                await self._running.wait()
                await self._commit_batch([item])

    def _may_do_without(self, away: TopicAway) -> bool:
        """Say whether it is where another agent waits for an answer, and nobody can answer there.

        That agent may be no more, or a question may name an address to which we have no right:
        whoever asks says where its answer goes, and must not hold up all else of this lane.
        """
        topic = str(away.topic)
        if not topic.endswith(".answers") or topic == self._place.answers.topic:
            return False
        return away.facts["reason"] != NOT_ALLOWED or self._closed.refused(topic)

    async def _renew_producer(self) -> None:
        """Not while the group rearranges itself: an init would fence the next owner."""
        await self._running.wait()
        self._settled.clear()
        try:
            self._producer = await self._renew(self._producer)
        finally:
            self._settled.set()

    async def _transact(self, batch: list[Item]) -> None:
        records = [record for item in batch for record in item.records]
        completes = [offset for item in batch for offset in item.completes]
        tells, answers = self._tells_group_now(batch), _read_to(batch)
        commit: OffsetCommit | None = None
        if completes or tells:
            low, metadata = self._lane.offset_metadata(completes, answers)
            copy = self._lane.progress_entry(low, metadata)
            records.append(encode_entry(copy, self._place.journal))
            if tells:
                commit = OffsetCommit(self._place.group, self._place.inbox, low, metadata)
        offsets: Sequence[int] = ()
        if records:  # what has commands has an end or an intent among its records
            self._settled.clear()
            began_s = time.monotonic()
            for item in batch:
                item.began_s = began_s
            try:
                if any(item.commands for item in batch):
                    ahead = _ahead(batch, records)
                    offsets = await self._producer.commit_ahead(ahead, commit)
                elif any(map(self._points.wants, PRODUCED)):
                    offsets = await commit_produced(self._producer, self._points, records, commit)
                else:
                    offsets = await self._producer.commit(records, commit)
            finally:
                self._settled.set()
        if tells:
            self._telling.told()
        elif completes:
            self._telling.ended(time.monotonic())
        self._lane.answers = max(self._lane.answers, answers)
        self._lane.committed(completes, self._journal_writes(records, offsets))
        at = 0
        for item in batch:
            end = at + len(item.records)
            if item.on_committed is not None:
                item.on_committed(offsets[at:end])
            if item.done is not None and not item.done.done():
                item.done.set_result(offsets[at:end])
            at = end

    def _journal_writes(
        self, records: Sequence[Outgoing], offsets: Sequence[int]
    ) -> list[tuple[bytes, int, bool]]:
        return [
            (record.key or b"", offset, record.value is None)
            for record, offset in zip(records, offsets, strict=True)
            if record.topic == self._place.journal.topic
        ]

    @staticmethod
    def _refuse(item: Item, refused: RecordRefused) -> None:
        if item.done is not None and not item.done.done():
            item.done.set_exception(refused)
        elif item.on_refused is not None:
            item.on_refused(refused)
        else:
            raise refused


def _read_to(batch: Sequence[Item]) -> int:
    return max((item.answers for item in batch), default=0)


def _ahead(batch: Sequence[Item], records: Sequence[Outgoing]) -> Ahead:
    """Send the commands of a batch first; what belongs to them then says where they stand."""
    commands = [command for item in batch for command in item.commands]

    def then(places: Sequence[Written]) -> Sequence[Outgoing]:
        told = list(records)
        at = first = 0
        for item in batch:
            own = places[at : at + len(item.commands)]
            if own:
                # The last of a partition counts; it comes after the others of its item.
                positions = Positions(dict(own))
                last = first + item.followers
                told[first:last] = [reading(record, positions) for record in told[first:last]]
            at += len(own)
            first += len(item.records)
        return told

    return Ahead(commands, then)
