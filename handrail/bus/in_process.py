"""The bus without a broker process: the promises of `port.py` kept in memory.

Several connections share one `InProcessBroker`. A connection can be killed or cut off, as a
process can; what it had open is settled by the next owner's `init`, as on Kafka.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_consumer import InProcessConsumer, InProcessTail, Line
from handrail.bus.murmur2 import partition_for
from handrail.bus.port import (
    NO_TOPIC,
    TRANSACTION_DEADLINE_S,
    Ahead,
    Committed,
    GroupListener,
    OffsetCommit,
    Then,
    TopicSpec,
    Written,
)
from handrail.errors import BrokerUnreachable, CommitDoubtful, ProducerFenced, TopicAway
from handrail.wire.record import Outgoing, Record, TopicPartition

FETCH_STALL_S = 30.0
_FETCH_RECORDS = 500


class InProcessLaneProducer:
    """The transactional producer of one lane; see `port.LaneProducer`."""

    def __init__(self, bus: "InProcessBus", transactional_id: str) -> None:
        """Prepare; nothing is sent before `init`."""
        self._bus = bus
        self._id = transactional_id
        self._epoch: int | None = None
        self._dead = False

    async def init(self, *, deadline_s: float) -> None:
        """Fence whoever held this transactional id and settle its open transaction."""
        del deadline_s  # Memory answers at once.
        await self._bus.line.alive()
        self._bus.require_line()
        self._epoch = self._bus.broker.init(self._id)

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all records and the offset together or not at all; give each record's offset.

        It yields to the event loop between writing and deciding, and before it returns: a kill
        at either point leaves what a killed process would leave.
        """
        del deadline_s
        return await self._commit(records, None, offsets)

    async def commit_ahead(
        self,
        ahead: Ahead,
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Do the same in two sends; it yields between them too."""
        del deadline_s
        return await self._commit(ahead.records, ahead.then, offsets)

    async def _commit(
        self, records: Sequence[Outgoing], then: Then | None, offsets: OffsetCommit | None
    ) -> list[int]:
        line, broker = self._bus.line, self._bus.broker
        await line.alive()
        if self._dead or self._epoch is None:
            raise ProducerFenced(transactional_id=self._id)
        self._bus.require_line(self._id)
        doubt = self._bus.take_doubt(self._id)
        self._dead = True  # Whatever goes wrong from here on, this producer is not used again.
        placed = [self._bus.place(record) for record in records]
        written = broker.begin(self._id, self._epoch, placed, offsets)
        await asyncio.sleep(0)
        await line.alive()
        if then is not None:
            rest = then(_places(placed, written))
            placed = [self._bus.place(record) for record in rest]
            written = broker.go_on(self._id, self._epoch, placed)
            await asyncio.sleep(0)
            await line.alive()
        if doubt is not False:
            broker.end(self._id, self._epoch)
        await asyncio.sleep(0)
        await line.alive()
        if doubt is not None:
            raise CommitDoubtful(transactional_id=self._id, reason="a planned fault")
        self._dead = False
        return written

    async def close(self) -> None:
        """An open transaction is left to its time-out."""
        self._dead = True


def _places(placed: Sequence[Outgoing], offsets: Sequence[int]) -> list[Written]:
    return [
        Written(record.partition or 0, offset)
        for record, offset in zip(placed, offsets, strict=True)
    ]


class InProcessSender:
    """Writes single records outside transactions; see `port.Sender`."""

    def __init__(self, bus: "InProcessBus") -> None:
        """Share the connection's line."""
        self._bus = bus

    async def send(self, record: Outgoing, *, deadline_s: float = 10.0) -> tuple[int, int]:
        """Give (partition, offset)."""
        del deadline_s
        await self._bus.line.alive()
        self._bus.require_line()
        placed = self._bus.place(record)
        return placed.partition or 0, self._bus.broker.append(placed)

    async def close(self) -> None:
        """Nothing to give back."""


class InProcessAdmin:
    """Topics and groups; see `port.Admin`."""

    def __init__(self, bus: "InProcessBus") -> None:
        """Share the connection's line."""
        self._bus = bus

    async def topics(self) -> Mapping[str, int]:
        """Every topic with its partition count."""
        return (await self._broker()).partitions()

    async def topic_settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The settings that were given; topics that are not there are left out."""
        broker = await self._broker()
        return {n: dict(broker.settings(n)) for n in names if n in broker.partitions()}

    async def broker_settings(self, names: Sequence[str]) -> Mapping[str, str]:
        """Nothing: a broker in memory has no settings."""
        del names
        return {}

    async def newest_requests(self) -> Mapping[int, int]:
        """Nothing: a broker in memory understands no requests."""
        return {}

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create what is not there."""
        broker = await self._broker()
        for spec in specs:
            broker.create(spec)

    async def alter_settings(self, name: str, settings: Mapping[str, str]) -> None:
        """Set these settings of one topic; raises RecordRefused when there is none."""
        broker = await self._broker()
        if name not in broker.partitions():
            raise TopicAway(topic=name, reason=NO_TOPIC, index=None)
        broker.settings(name).update(settings)

    async def committed(self, group: str, topic: str) -> Mapping[int, Committed]:
        """A group's offsets on a topic by partition."""
        offsets = (await self._broker()).group(group).offsets
        return {w.partition: o for w, o in sorted(offsets.items()) if w.topic == topic}

    async def offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """First and last stable offset of each partition."""
        return (await self._broker()).offsets(topic)

    async def members(self, group: str) -> Mapping[str, frozenset[TopicPartition]]:
        """Member id → partitions."""
        members = (await self._broker()).group(group).members
        return {member_id: member.partitions for member_id, member in members.items()}

    async def remove_member(self, group: str, member_id: str) -> None:
        """Tell the group that this member is dead."""
        broker = await self._broker()
        broker.group(group).leave(member_id, broker.now_ms)
        broker.tick()

    async def delete_records(self, before: Mapping[TopicPartition, int]) -> None:
        """Delete everything below these offsets."""
        broker = await self._broker()
        for where, offset in before.items():
            broker.log(where).delete_before(offset)

    async def _broker(self) -> InProcessBroker:
        await self._bus.line.alive()
        self._bus.require_line()
        self._bus.broker.look()
        return self._bus.broker


class InProcessBus:
    """One connection to an `InProcessBroker`; see `port.Bus`."""

    def __init__(self, broker: InProcessBroker) -> None:
        """Connect; many connections may share one broker."""
        self.broker = broker
        self.line = Line()
        self._consumers: list[InProcessConsumer] = []
        self._doubts: dict[str, bool] = {}
        self._admin = InProcessAdmin(self)
        self._sender = InProcessSender(self)
        self._next_keyless = 0

    async def start(self) -> None:
        """Nothing to reach."""

    async def close(self) -> None:
        """Close all that was handed out; every member leaves its group."""
        for consumer in self._consumers:
            await consumer.close()
        self._consumers.clear()

    def kill(self) -> None:
        """Vanish as by kill -9: calls under way and later ones never return."""
        self.line.killed = True
        for consumer in self._consumers:
            consumer.kill()

    def cut_off(self) -> None:
        """Lose the broker: heartbeats stop, calls raise, and the session runs out in time."""
        self.line.cut_off = True
        for consumer in self._consumers:
            consumer.cut(silent=True)

    def reconnect(self) -> None:
        """End what `cut_off` began."""
        self.line.cut_off = False
        for consumer in self._consumers:
            consumer.cut(silent=False)

    def doubt_next_commit(self, transactional_id: str, *, written: bool) -> None:
        """Plan that the next commit of this id raises CommitDoubtful, whether written or not.

        What was not written stays open until the next `init` or the transaction time-out.
        """
        self._doubts[transactional_id] = written

    def take_doubt(self, transactional_id: str) -> bool | None:
        """Give and forget the planned fault of this id."""
        return self._doubts.pop(transactional_id, None)

    def require_line(self, transactional_id: str | None = None) -> None:
        """Raise what a lost broker means: doubt inside a transaction, unreachable elsewhere."""
        if not self.line.cut_off:
            return
        reason = "the connection is cut off"
        if transactional_id is not None:
            raise CommitDoubtful(transactional_id=transactional_id, reason=reason)
        raise BrokerUnreachable(bootstrap="the in-process broker", reason=reason)

    def place(self, record: Outgoing) -> Outgoing:
        """Choose the partition where the record names none: by its key, else in turn."""
        if record.partition is not None:
            return record
        count = self.broker.partitions().get(record.topic, 0)
        if count == 0:
            return record
        if record.key is None:
            self._next_keyless += 1
            partition = self._next_keyless % count
        else:
            partition = partition_for(record.key, count)
        return Outgoing(record.topic, record.key, record.value, record.headers, partition)

    @property
    def admin(self) -> InProcessAdmin:
        """Topics and groups."""
        return self._admin

    def lane_producer(self, transactional_id: str) -> InProcessLaneProducer:
        """Make one; nothing is sent before its `init`."""
        return InProcessLaneProducer(self, transactional_id)

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> InProcessConsumer:
        """Make one; it joins on `start`."""
        consumer = InProcessConsumer(self.broker, self.line, group, topics, listener)
        self._consumers.append(consumer)
        return consumer

    def sender(self) -> InProcessSender:
        """The shared sender of this connection."""
        return self._sender

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        """Read these partitions from these offsets on."""
        await self.line.alive()
        self.require_line()
        return InProcessTail(self.broker, self.line, positions)

    async def end_offset(self, where: TopicPartition) -> int:
        """The last stable offset."""
        await self.line.alive()
        self.require_line()
        self.broker.look()
        return self.broker.log(where).last_stable

    async def begin_offset(self, where: TopicPartition) -> int:
        """The first offset that is still there."""
        await self.line.alive()
        self.require_line()
        return self.broker.log(where).begin

    async def offset_at(self, where: TopicPartition, timestamp_ms: int) -> int:
        """The first offset whose record is that young or younger; the end when there is none."""
        await self.line.alive()
        self.require_line()
        return self.broker.log(where).offset_at(timestamp_ms)

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Read committed records from `start` up to, not including, `end`, and stop there."""
        position = start
        while position < end:
            await self.line.alive()
            self.require_line()
            records, after = self.broker.log(where).read(position, _FETCH_RECORDS)
            for record in records:
                if record.offset < end:
                    yield record
            if after == position and not await self.broker.changed(FETCH_STALL_S):
                reason = f"offset {end} of {where.topic}[{where.partition}] never became readable"
                raise BrokerUnreachable(bootstrap="the in-process broker", reason=reason)
            position = after

    async def partition_of(self, topic: str, key: bytes) -> int:
        """The partition that Kafka's own clients choose for this key."""
        return partition_for(key, self.broker.partitions()[topic])
