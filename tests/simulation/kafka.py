"""A Kafka that takes its time: decided is not yet visible, and what it says may be old.

It keeps the promises of the broker in memory and takes away what Kafka does not promise. The
markers of a decided transaction reach each partition on their own; until the last one is there the
same transactional id gets no further. A partition may for a while show less than it has, and the
group's offsets may be told as they stood before. All that was ever written is kept for the judge.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random

from handrail.bus.in_process_broker import TRANSACTION_TIMEOUT_MS, InProcessBroker
from handrail.bus.in_process_consumer import Reader
from handrail.bus.in_process_log import Entry, Fate, PartitionLog
from handrail.bus.port import Committed, OffsetCommit, TopicSpec
from handrail.wire.record import Outgoing, TopicPartition
from tests.simulation.loop import WORLD, SimLoop

SESSION_MS = 2_500  #: longer than a licence is good for, as any real session is
MARKER_S_MAX = 0.004
SLOW_MARKER_S_MAX = 1.5
NOBODY = "nobody"


@dataclass(slots=True, eq=False)
class Written:
    """What was written together: one transaction, or one record outside any."""

    transactional_id: str | None
    producer_epoch: int
    process: str
    entries: list[tuple[TopicPartition, Entry]]
    offsets: OffsetCommit | None = None
    fate: Fate = Fate.OPEN
    decided_s: float = 0.0
    inits_before: int = 0  #: how often any id had been taken when it was begun
    order: int = -1  #: its place among all that was decided
    shown_at_once: bool = False  #: written outside any transaction, with none open before it


@dataclass(frozen=True, slots=True)
class Init:
    """A process has taken a transactional id."""

    transactional_id: str
    process: str
    owned: bool  #: the group had given it the partition then


@dataclass(slots=True)
class SimLog(PartitionLog):
    """A partition that may for a while show less than it has."""

    shown: int | None = None

    @property
    def last_stable(self) -> int:
        """Everything below this offset is decided and shown."""
        stable = min(self.open_offsets, default=self.end)
        return stable if self.shown is None else min(stable, self.shown)


class SimBroker(InProcessBroker):
    """The shared state behind every connection of one schedule."""

    def __init__(self, loop: SimLoop, rng: Random, starts_ms: int) -> None:
        """Start empty."""
        super().__init__(lambda: starts_ms + int(loop.time() * 1000), session_ms=SESSION_MS)
        self._loop = loop
        self._rng = rng
        self._counts: dict[str, int] = {}
        self._closing: dict[int, int] = {}  # markers on their way, by identity
        self._readers: dict[asyncio.Future[None], Reader] = {}
        self._open: dict[int, Written] = {}  # by identity
        self.written: list[Written] = []  #: everything, in the order in which it was begun
        self.decided: list[Written] = []  #: everything, in the order in which it was decided
        self.told: dict[TopicPartition, list[Committed]] = {}  #: every offset of every group
        self.inits: list[Init] = []
        self.on_behalf_of = NOBODY  #: which process sent the request that is carried out now
        self.slow_markers = 0.0  #: share of markers that take long
        self.old_offsets_until_s = 0.0  #: till then a group's offsets may be told as they were
        self.fences = True  #: a planted fault takes this away

    # ---- topics

    def create(self, spec: TopicSpec) -> None:
        """Create a topic whose partitions may lag."""
        super().create(spec)
        topic = self._topics[spec.name]
        topic.logs = [SimLog(log.where) for log in topic.logs]
        self._counts[spec.name] = spec.partitions

    def lag(self, where: TopicPartition, for_s: float) -> None:
        """Show less of a partition than it has, for a while."""
        log = self.log(where)
        assert isinstance(log, SimLog)
        log.shown = self._rng.randint(log.begin, log.last_stable)

        def catch_up() -> None:
            log.shown = None
            self.tick()

        self._loop.in_world(for_s, catch_up)

    def has_records(self, where: TopicPartition, position: int) -> bool:
        """Say whether a committed record stands at or behind this offset."""
        return any(
            entry.offset >= position and entry.fate is Fate.COMMITTED
            for entry in self.log(where).entries
        )

    # ---- transactions

    def is_closing(self, transactional_id: str) -> bool:
        """True while markers of this id's last transaction are on their way."""
        identity = self._identities.get(transactional_id)
        return identity is not None and bool(self._closing.get(id(identity)))

    def begin(
        self,
        transactional_id: str,
        epoch: int,
        records: list[Outgoing],
        offsets: OffsetCommit | None,
    ) -> list[int]:
        """Write the records of a transaction, undecided; give their offsets."""
        valid = epoch if self.fences else self._identities[transactional_id].epoch
        offsets_written = super().begin(transactional_id, valid, records, offsets)
        identity = self._identities[transactional_id]
        assert identity.open is not None
        entries = [(w, entry) for w, found in identity.open.entries.items() for entry in found]
        written = Written(transactional_id, epoch, self.on_behalf_of, entries, offsets)
        written.inits_before = len(self.inits)
        self._open[id(identity)] = written
        self.written.append(written)
        return offsets_written

    def end(self, transactional_id: str, epoch: int) -> None:
        """Commit the open transaction; raises ProducerFenced when it is not ours any more."""
        if not self.fences:
            epoch = self._identities[transactional_id].epoch
        super().end(transactional_id, epoch)

    def append(self, record: Outgoing) -> int:
        """Write one record outside any transaction and give its offset."""
        offset = super().append(record)
        where = TopicPartition(record.topic, record.partition or 0)
        entry = self.log(where).entries[-1]
        written = Written(None, -1, WORLD.name, [(where, entry)], None)
        written.shown_at_once = self.log(where).last_stable > offset
        self.written.append(written)
        self._decide(written, Fate.COMMITTED)
        return offset

    def _decide(self, written: Written, fate: Fate) -> None:
        written.fate, written.decided_s = fate, self._loop.time()
        written.order = len(self.decided)
        self.decided.append(written)

    def _settle(self, identity: object, fate: Fate) -> None:
        transaction, identity.open = identity.open, None  # type: ignore[attr-defined]
        if transaction is None:
            return
        self._decide(self._open.pop(id(identity)), fate)
        for where, entries in transaction.entries.items():
            self._later(identity, self._marker(where, entries, fate))
        commit = transaction.offsets
        if commit is not None and fate is Fate.COMMITTED:
            self._later(identity, self._offset_marker(commit))

    def _marker(
        self, where: TopicPartition, entries: Sequence[Entry], fate: Fate
    ) -> Callable[[], None]:
        return lambda: self.log(where).decide(list(entries), fate, self.now_ms)

    def _offset_marker(self, commit: OffsetCommit) -> Callable[[], None]:
        def mark() -> None:
            committed = Committed(commit.offset, commit.metadata)
            self.group(commit.group).offsets[commit.where] = committed
            self.told.setdefault(commit.where, []).append(committed)

        return mark

    def _later(self, identity: object, mark: Callable[[], None]) -> None:
        """Let a marker arrive some time from now."""
        self._closing[id(identity)] = self._closing.get(id(identity), 0) + 1

        def arrive() -> None:
            mark()
            self._closing[id(identity)] -= 1
            self.tick()

        slow = self._rng.random() < self.slow_markers
        delay_s = self._rng.random() * (SLOW_MARKER_S_MAX if slow else MARKER_S_MAX)
        self._loop.in_world(delay_s, arrive)

    # ---- who waits

    def tick(self) -> None:
        """Let sessions and transactions run out, and wake who can read something new."""
        self.moves_count += 1
        now_ms = self.now_ms
        for identity in self._identities.values():
            transaction = identity.open
            if transaction and now_ms - transaction.started_ms >= TRANSACTION_TIMEOUT_MS:
                identity.epoch += 1
                self._settle(identity, Fate.ABORTED)
        for group in self._groups.values():
            group.tick(now_ms, self._counts)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(True)
        for woken, reader in self._readers.items():
            if not woken.done() and self._has_news(reader):
                woken.set_result(None)

    def look(self) -> None:
        """Here time passes all the while."""
        self.tick()

    def tell_readers(self, places: Collection[TopicPartition]) -> None:
        """Here a reader is asked for what it can read."""
        del places
        self.tick()

    def _has_news(self, reader: Reader) -> bool:
        for where, position in reader.positions.items():
            log = self._topics[where.topic].logs[where.partition]
            if where not in reader.paused and log.end > position and log.last_stable > position:
                return True
        return False

    async def news(self, reader: Reader, timeout_s: float) -> bool:
        """Wait until a reader can go on; False after the time-out."""
        if self._has_news(reader):
            return True
        woken = self._loop.create_future()
        self._readers[woken] = reader
        timer = self._loop.call_later(timeout_s, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()
            del self._readers[woken]
        return self._has_news(reader)
