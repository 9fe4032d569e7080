"""A broker in memory that several connections share: topics, transactions, groups.

It keeps what Apache Kafka promises and nothing more: fencing by transactional id, atomic
visibility, markers that take up offsets, generations. Time comes only from the clock it is given.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from handrail.bus.in_process_group import Group
from handrail.bus.in_process_log import Entry, Fate, PartitionLog, refusal
from handrail.bus.port import NO_TOPIC, NOT_ALLOWED, Committed, OffsetCommit, TopicSpec
from handrail.errors import ProducerFenced, RecordRefused, TopicAway
from handrail.wire.record import Outgoing, TopicPartition

SESSION_MS = 10_000
TRANSACTION_TIMEOUT_MS = 10_000
METADATA_BYTES_MAX = 4_096


@dataclass(slots=True)
class Transaction:
    """An open transaction of one transactional id."""

    started_ms: int
    entries: dict[TopicPartition, list[Entry]]
    offsets: OffsetCommit | None


@dataclass(slots=True)
class _Identity:
    epoch: int = -1
    open: Transaction | None = None


@dataclass(slots=True)
class _Topic:
    settings: dict[str, str]
    logs: list[PartitionLog] = field(default_factory=list[PartitionLog])


class InProcessBroker:
    """The shared state behind every `InProcessBus`; `tick` after moving the clock."""

    def __init__(self, now_ms: Callable[[], int], *, session_ms: int = SESSION_MS) -> None:
        """Start empty. `now_ms` is the only source of time and never goes back."""
        self._now_ms = now_ms
        self._session_ms = session_ms
        self._topics: dict[str, _Topic] = {}
        self._forbidden: set[str] = set()
        self._identities: dict[str, _Identity] = {}
        self._groups: dict[str, Group] = {}
        self._waiters: dict[asyncio.Future[bool], Mapping[TopicPartition, int] | None] = {}
        self._seen_ms = now_ms()  # when the passing of time was last looked at
        self.moves_count = 0  #: grows with everything that somebody could notice

    @property
    def now_ms(self) -> int:
        """What the clock says."""
        return self._now_ms()

    def create(self, spec: TopicSpec) -> None:
        """Create a topic; an existing one is left as it is."""
        if spec.name not in self._topics:
            topic = _Topic(dict(spec.settings))
            for partition in range(spec.partitions):
                topic.logs.append(PartitionLog(TopicPartition(spec.name, partition)))
            self._topics[spec.name] = topic
            self.tick()

    def partitions(self) -> dict[str, int]:
        """Every topic with its partition count."""
        return {name: len(topic.logs) for name, topic in self._topics.items()}

    def settings(self, name: str) -> dict[str, str]:
        """A topic's settings; KeyError when there is no such topic."""
        return self._topics[name].settings

    def log(self, where: TopicPartition) -> PartitionLog:
        """One partition; KeyError or IndexError when there is none."""
        return self._topics[where.topic].logs[where.partition]

    def group(self, name: str) -> Group:
        """One group; it begins to exist when somebody asks for it."""
        return self._groups.setdefault(name, Group(name, self._session_ms))

    def compact(self, topic: str) -> None:
        """Compact a topic now; Kafka does it some time later."""
        for log in self._topics[topic].logs:
            log.compact()

    def tick(self) -> None:
        """Let sessions and transactions run out, finish rebalances, wake every blocked poll."""
        self.moves_count += 1
        self._pass_time()
        for waiter in self._waiters:
            _wake(waiter)

    def look(self) -> None:
        """Do the same where the clock was moved since; what nobody can notice is no move."""
        if self.now_ms == self._seen_ms:
            return
        self._pass_time()
        for waiter in self._waiters:
            _wake(waiter)

    def tell_readers(self, places: Collection[TopicPartition]) -> None:
        """Tell of what can be read in these partitions now: of all polls only those blocked there.

        To wake everybody for every record is most of what a test of a day of a team would cost.
        """
        self.moves_count += 1
        if self.now_ms != self._seen_ms:
            self.look()
            return
        ends = [(where, self.log(where).last_stable) for where in places]
        for waiter, positions in self._waiters.items():
            if positions is None or any(end > positions.get(where, end) for where, end in ends):
                _wake(waiter)

    def _pass_time(self) -> None:
        now, partitions = self.now_ms, self.partitions()
        self._seen_ms = now
        for identity in self._identities.values():
            transaction = identity.open
            if transaction and now - transaction.started_ms >= TRANSACTION_TIMEOUT_MS:
                identity.epoch += 1
                self.moves_count += 1
                self._settle(identity, Fate.ABORTED)
        for group in self._groups.values():
            group.tick(now, partitions)

    async def changed(
        self, timeout_s: float, positions: Mapping[TopicPartition, int] | None = None
    ) -> bool:
        """Wait until something can be read or the clock was moved; False after the time-out.

        With positions, only what stands behind them counts, as they are when it is written.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(timeout_s, _wake, waiter, False)
        self._waiters[waiter] = positions
        try:
            return await waiter
        finally:
            timer.cancel()
            del self._waiters[waiter]

    def delete_topic(self, name: str) -> None:
        """Delete a topic and all that is in it, as people do by hand."""
        del self._topics[name]

    def forbid_writing(self, name: str) -> None:
        """Let nobody write to a topic, as whoever owns a cluster may decide."""
        self._forbidden.add(name)

    def add_partitions(self, name: str, count: int) -> None:
        """Give a topic as many partitions as that, as people do by hand; groups are told of it."""
        logs = self._topics[name].logs
        logs += [PartitionLog(TopicPartition(name, new)) for new in range(len(logs), count)]
        for group in self._groups.values():
            group.assign_anew(self.now_ms)
        self.tick()

    def check(self, record: Outgoing, index: int | None = None) -> None:
        """Raise RecordRefused when a broker would not take this record."""
        topic = self._topics.get(record.topic)
        if topic is None:
            raise TopicAway(topic=record.topic, reason=NO_TOPIC, index=index)
        if record.topic in self._forbidden:
            raise TopicAway(topic=record.topic, reason=NOT_ALLOWED, index=index)
        reason: str | None
        if record.partition is None or not 0 <= record.partition < len(topic.logs):
            reason = f"there is no partition {record.partition}"
        else:
            reason = refusal(record, topic.settings)
        if reason is not None:
            raise RecordRefused(topic=record.topic, reason=reason, index=index)

    def append(self, record: Outgoing) -> int:
        """Write one record outside any transaction and give its offset."""
        self.check(record)
        log = self.log(TopicPartition(record.topic, record.partition or 0))
        entry = log.append(record, self.now_ms, Fate.COMMITTED)
        self.tell_readers((log.where,))
        return entry.offset

    def init(self, transactional_id: str) -> int:
        """Abort what an earlier holder left open, fence it, and give the new epoch."""
        identity = self._identities.setdefault(transactional_id, _Identity())
        identity.epoch += 1
        self.tell_readers(self._settle(identity, Fate.ABORTED))
        return identity.epoch

    def begin(
        self,
        transactional_id: str,
        epoch: int,
        records: list[Outgoing],
        offsets: OffsetCommit | None,
    ) -> list[int]:
        """Write the records of a transaction, undecided; give their offsets."""
        identity = self._owned(transactional_id, epoch)
        if offsets is not None and len(offsets.metadata.encode()) > METADATA_BYTES_MAX:
            reason = f"its offset's metadata is over {METADATA_BYTES_MAX} bytes"
            raise RecordRefused(topic=offsets.where.topic, reason=reason, index=None)
        identity.open = Transaction(self.now_ms, {}, offsets)
        return self.go_on(transactional_id, epoch, records)

    def go_on(self, transactional_id: str, epoch: int, records: list[Outgoing]) -> list[int]:
        """Write more records of the open transaction; give their offsets."""
        identity = self._owned(transactional_id, epoch)
        transaction = identity.open
        assert transaction is not None, "it was begun, and nobody else may end it"
        try:
            for index, record in enumerate(records):
                self.check(record, index)
        except RecordRefused:
            self._settle(identity, Fate.ABORTED)
            raise
        written: list[int] = []
        for record in records:
            where = TopicPartition(record.topic, record.partition or 0)
            entry = self.log(where).append(record, self.now_ms, Fate.OPEN)
            transaction.entries.setdefault(where, []).append(entry)
            written.append(entry.offset)
        return written

    def end(self, transactional_id: str, epoch: int) -> None:
        """Commit the open transaction; raises ProducerFenced when it is not ours any more."""
        identity = self._owned(transactional_id, epoch)
        self.tell_readers(self._settle(identity, Fate.COMMITTED))

    def _owned(self, transactional_id: str, epoch: int) -> _Identity:
        identity = self._identities[transactional_id]
        if identity.epoch != epoch:
            raise ProducerFenced(transactional_id=transactional_id)
        return identity

    def _settle(self, identity: _Identity, fate: Fate) -> Collection[TopicPartition]:
        transaction, identity.open = identity.open, None
        if transaction is None:
            return ()
        for where, entries in transaction.entries.items():
            self.log(where).decide(entries, fate, self.now_ms)
        commit = transaction.offsets
        if commit is not None and fate is Fate.COMMITTED:
            committed = Committed(commit.offset, commit.metadata)
            self.group(commit.group).offsets[commit.where] = committed
        return transaction.entries

    def offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """First and last stable offset of each partition; empty when there is no such topic."""
        known = self._topics.get(topic)
        logs = known.logs if known else []
        return {log.where.partition: (log.begin, log.last_stable) for log in logs}


def _wake(waiter: "asyncio.Future[bool]", found: bool = True) -> None:  # noqa: FBT001, FBT002
    if not waiter.done():
        waiter.set_result(found)
