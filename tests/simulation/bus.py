"""One process's connection to the simulated Kafka: every request and every reply takes its time.

A request that was sent arrives, even when its process has died or frozen meanwhile; a reply can be
lost, so that nobody knows what came of a commit. A connection can be cut off from the whole broker
or from the coordinator of the groups alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from handrail.bus.in_process import InProcessAdmin, InProcessBus
from handrail.bus.in_process_consumer import InProcessConsumer, InProcessTail, Line, Reader
from handrail.bus.port import (
    TRANSACTION_DEADLINE_S,
    Ahead,
    Committed,
    GroupListener,
    OffsetCommit,
    Then,
    Written,
)
from handrail.errors import BrokerUnreachable, CommitDoubtful, HandrailError, ProducerFenced
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.simulation.kafka import Init, SimBroker
from tests.simulation.loop import SimLoop, current_process
from tests.simulation.weather import CommitFault, Weather

T = TypeVar("T")

FAST_BEAT_S_MAX, BEAT_S_MAX, SLOW_BEATS = 0.005, 0.4, 0.2
LATE_S_MAX = 7.0
CLOSED_AGAIN_S = 0.1  #: between two questions whether the last transaction is finished


class SimLine(Line):
    """The line of one connection: whatever begins on it takes a moment."""

    def __init__(self, loop: SimLoop, weather: Weather) -> None:
        """Begin connected."""
        super().__init__()
        self._loop = loop
        self._weather = weather

    async def alive(self) -> None:
        """Be on the way."""
        await self._loop.pause(self._weather.hop_s())


class SimReader(Reader):
    """Positions on some partitions, woken by what it may read and by nothing else."""

    def __init__(self, broker: SimBroker, line: Line) -> None:
        """Begin with no partition."""
        super().__init__(broker, line)
        self._sim = broker

    async def poll(self, timeout_s: float, records_max: int) -> list[Record]:
        """Give what there is, or wait for it until the time-out."""
        if await self._sim.news(self, timeout_s):
            await self._line.alive()
        return self._take(records_max)


class NextBeat(asyncio.Event):
    """Is set when the next heartbeat has brought the news; one who is frozen hears none."""

    def __init__(self, loop: SimLoop, weather: Weather) -> None:
        """Hear of nothing yet."""
        super().__init__()
        self.asleep = False
        self._loop = loop
        self._weather = weather

    def set(self) -> None:
        """Let it be heard a moment from now."""
        share = BEAT_S_MAX if self._weather.rng.random() < SLOW_BEATS else FAST_BEAT_S_MAX
        self._loop.in_world(self._weather.rng.random() * share, self._heard)

    def _heard(self) -> None:
        if not self.asleep:
            super().set()


class SimConsumer(InProcessConsumer):
    """A member of a group that hears of changes by its heartbeats only."""

    def __init__(
        self, bus: "SimBus", group: str, topics: Sequence[str], listener: GroupListener
    ) -> None:
        """Prepare; nothing happens before `start`."""
        super().__init__(bus.sim, bus.coordinator, group, topics, listener)
        self._reader = SimReader(bus.sim, bus.line)
        self.next_beat = NextBeat(bus.loop, bus.weather)
        self._wake = self.next_beat

    async def prove_membership(
        self, membership: object, where: TopicPartition, *, deadline_s: float
    ) -> None:
        """Commit a constant under exactly that membership, or raise MembershipRefused."""
        await super().prove_membership(membership, where, deadline_s=deadline_s)  # type: ignore[arg-type]
        await self._line.alive()


class SimAdmin(InProcessAdmin):
    """Looks at a broker that may remember an older time."""

    async def committed(self, group: str, topic: str) -> Mapping[int, Committed]:
        """A group's offsets on a topic by partition, as they are or as they were."""
        now = await super().committed(group, topic)
        broker, bus = self._bus.broker, self._bus
        assert isinstance(broker, SimBroker)
        assert isinstance(bus, SimBus)
        if bus.loop.time() >= broker.old_offsets_until_s:
            return now
        chances = {p: broker.told.get(TopicPartition(topic, p), [told]) for p, told in now.items()}
        return {p: bus.weather.rng.choice(found) for p, found in chances.items()}


class SimLaneProducer:
    """The transactional producer of one lane; see `port.LaneProducer`."""

    def __init__(self, bus: "SimBus", transactional_id: str) -> None:
        """Prepare; nothing is sent before `init`."""
        self._bus = bus
        self._id = transactional_id
        self._epoch: int | None = None
        self._dead = False

    async def init(self, *, deadline_s: float) -> None:
        """Fence whoever held this transactional id and settle its open transaction."""
        bus = self._bus
        bus.require_line()
        try:
            await self._until_closed(deadline_s)
            self._epoch = await bus.request(lambda: bus.note_init(self._id))
            await self._until_closed(deadline_s)
        except (_Lost, TimeoutError) as error:
            raise _unreachable(str(error)) from error

    async def _until_closed(self, deadline_s: float) -> None:
        """Ask again until the broker has finished the last transaction of this id."""
        until_s = self._bus.loop.time() + deadline_s
        while self._bus.sim.is_closing(self._id):
            await self._bus.loop.pause(CLOSED_AGAIN_S)
            if self._bus.line.cut_off:
                raise _Lost("the connection is cut off")
            if self._bus.loop.time() > until_s:
                raise TimeoutError("its last transaction is not finished")

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all records and the offset together or not at all; give each record's offset."""
        return await self._commit(records, None, offsets, deadline_s)

    async def commit_ahead(
        self,
        ahead: Ahead,
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Do the same in two sends; faults befall the transaction as a whole."""
        return await self._commit(ahead.records, ahead.then, offsets, deadline_s)

    async def _commit(
        self,
        records: Sequence[Outgoing],
        then: Then | None,
        offsets: OffsetCommit | None,
        deadline_s: float,
    ) -> list[int]:
        bus = self._bus
        if self._dead or self._epoch is None:
            raise ProducerFenced(transactional_id=self._id)
        bus.require_line(self._id)
        fault = bus.weather.next_commit(records)
        if fault is not None:
            bus.weather.befell[f"commit: {fault}"] += 1
            bus.weather.tell(f"commit of {self._id}: {fault}", current_process().name)
        self._dead = True  # Whatever goes wrong from here on, this producer is not used again.
        try:
            written = await self._transact(records, then, offsets, deadline_s, fault)
        except (_Lost, TimeoutError) as error:
            raise CommitDoubtful(transactional_id=self._id, reason=str(error)) from error
        self._dead = False
        return written

    async def _transact(
        self,
        records: Sequence[Outgoing],
        then: Then | None,
        offsets: OffsetCommit | None,
        deadline_s: float,
        fault: CommitFault | None,
    ) -> list[int]:
        bus, broker, epoch = self._bus, self._bus.sim, self._epoch
        assert epoch is not None
        placed = [bus.place(record) for record in records]
        await self._until_closed(deadline_s)
        if fault is CommitFault.WRITES_LOST:
            raise _Lost(fault)
        written = await bus.request(lambda: broker.begin(self._id, epoch, placed, offsets))
        if then is not None:
            found = zip(placed, written, strict=True)
            rest = [
                bus.place(one) for one in then([Written(r.partition or 0, o) for r, o in found])
            ]
            written = await bus.request(lambda: broker.go_on(self._id, epoch, rest))
        if fault in (CommitFault.WRITES_REPLY_LOST, CommitFault.DECISION_LOST):
            raise _Lost(fault)

        def decide() -> None:
            broker.end(self._id, epoch)

        if fault is CommitFault.DECISION_LATE:
            late_s = bus.weather.rng.random() * LATE_S_MAX
            bus.loop.in_world(late_s, lambda: _ignored(decide))
            await bus.loop.pause(bus.weather.rng.choice((0.0, deadline_s)))
            raise _Lost(fault)
        await bus.request(decide)
        if fault is CommitFault.DECISION_REPLY_LOST:
            raise _Lost(fault)
        return written

    async def close(self) -> None:
        """An open transaction is left to its time-out."""
        self._dead = True


class SimBus(InProcessBus):
    """The connection of one simulated process."""

    def __init__(self, broker: SimBroker, loop: SimLoop, weather: Weather) -> None:
        """Connect."""
        super().__init__(broker)
        self.sim = broker
        self.loop = loop
        self.weather = weather
        self.line = SimLine(loop, weather)
        self.coordinator = SimLine(loop, weather)  #: to the coordinator of the groups
        self._admin = SimAdmin(self)
        self._under_way: dict[asyncio.Future[object], None] = {}

    async def request(self, work: Callable[[], T]) -> T:
        """Carry a request to the broker, have it done there, and carry the reply back."""
        reply: asyncio.Future[T] = self.loop.create_future()
        self._under_way[reply] = None  # type: ignore[index]  # a future of anything

        sender = current_process().name

        def arrive() -> None:
            self.sim.on_behalf_of = sender
            try:
                value = work()
            except HandrailError as error:
                self.loop.in_world(self.weather.hop_s(), lambda raised=error: _fail(reply, raised))
            else:
                self.loop.in_world(self.weather.hop_s(), lambda: _answer(reply, value))

        self.loop.in_world(self.weather.hop_s(), arrive)
        try:
            return await reply
        finally:
            del self._under_way[reply]  # type: ignore[arg-type]

    @property
    def members(self) -> list[tuple[str, str]]:
        """Group and member id of every member on this connection."""
        return [
            (consumer._group_name, consumer._member_id)
            for consumer in self._consumers
            if consumer._member_id is not None
        ]

    def note_init(self, transactional_id: str) -> int:
        """Fence whoever had this id; the judge wants to know whether the group has given it us."""
        owned = any(
            f"{group}.{where.topic}.{where.partition}" == transactional_id
            for group, member_id in self.members
            if (member := self.sim.group(group).members.get(member_id))
            for where in member.partitions
        )
        self.sim.inits.append(Init(transactional_id, self.sim.on_behalf_of, owned=owned))
        return self.sim.init(transactional_id)

    def silence(self, *, silent: bool, asleep: bool = False) -> None:
        """Stop or resume the heartbeats of every member on this connection."""
        for consumer in self._consumers:
            assert isinstance(consumer, SimConsumer)
            consumer.next_beat.asleep = asleep
            consumer.cut(silent=silent)

    def cut_off(self) -> None:
        """Lose the broker: what is under way fails, later calls raise, heartbeats stop."""
        self.coordinator.cut_off = True
        super().cut_off()
        for reply in list(self._under_way):
            _fail(reply, _Lost("the connection is cut off"))

    def cut_off_coordinator(self) -> None:
        """Lose the coordinator of the groups alone."""
        self.coordinator.cut_off = True
        self.silence(silent=True)

    def reconnect(self) -> None:
        """End what was cut off."""
        self.coordinator.cut_off = False
        super().reconnect()

    def lane_producer(self, transactional_id: str) -> SimLaneProducer:  # type: ignore[override]
        """Make one; nothing is sent before its `init`."""
        return SimLaneProducer(self, transactional_id)

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> SimConsumer:
        """Make one; it joins on `start`."""
        consumer = SimConsumer(self, group, topics, listener)
        self._consumers.append(consumer)
        return consumer

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        """Read these partitions from these offsets on."""
        tail = await super().tail(positions)
        tail._reader = SimReader(self.sim, self.line)
        tail._reader.positions.update(positions)
        return tail


class _Lost(Exception):
    """A request or its reply was lost."""


def _unreachable(why: str) -> BrokerUnreachable:
    return BrokerUnreachable(bootstrap="the simulated broker", reason=why)


def _answer(reply: "asyncio.Future[T]", value: T) -> None:
    if not reply.done():
        reply.set_result(value)


def _fail(reply: "asyncio.Future[T]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)


def _ignored(work: Callable[[], None]) -> None:
    try:
        work()
    except HandrailError:
        return  # Nobody waits for what comes so late.
