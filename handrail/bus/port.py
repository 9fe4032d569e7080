"""What the engine asks of a broker, and what a broker promises in return.

Two adapters keep these promises: `bus.kafka` on Apache Kafka and `bus.in_process` without one.
All offsets are the broker's; every reader sees committed records only.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from handrail.wire.record import Outgoing, Record, TopicPartition

TRANSACTION_DEADLINE_S = 5.0  #: past it the outcome of a commit is unknown


class Membership(NamedTuple):
    """Who we were when partitions were handed to us; a later generation makes it worthless."""

    group: str
    generation: int
    member_id: str


@dataclass(frozen=True, slots=True)
class OffsetCommit:
    """An offset of a group with its metadata (at most 4,096 bytes), committed in a transaction."""

    group: str
    where: TopicPartition
    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's committed offset on one partition."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be: partition count and the settings that differ from the broker's."""

    name: str
    partitions: int
    replication: int = 1
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


NO_TOPIC: Final = "there is no such topic"  #: why a record has nowhere to go
NOT_ALLOWED: Final = "this user may not write there"  #: why it may not go there now


class Written(NamedTuple):
    """Where a record was written, in its topic."""

    partition: int
    offset: int


#: Gives what is written next in a transaction, from where its first records stand.
Then = Callable[[Sequence[Written]], Sequence[Outgoing]]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Records that are written first in a transaction, because others say where they stand."""

    records: Sequence[Outgoing]
    then: Then


class LaneProducer(Protocol):
    """The transactional producer of one lane. One call at a time; after an error it is dead."""

    async def init(self, *, deadline_s: float) -> None:
        """Fence whoever held this transactional id and settle its open transaction.

        Raises BrokerUnreachable past the deadline.
        """
        ...

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all records and the offset together or not at all; give each record's offset.

        Raises `ProducerFenced` (somebody else holds the id now, nothing was written),
        `RecordRefused` with `index` (aborted: the broker will not take that record) or
        `CommitDoubtful` (nobody can know whether it was written: read back).
        """
        ...

    async def commit_ahead(
        self,
        ahead: Ahead,
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Do the same in two sends: what is ahead first, then what its places lead to.

        Both together or not at all. Gives the offsets of the second; raises as `commit` does.
        """
        ...

    async def close(self) -> None:
        """Give back sockets. Never raises; an open transaction is left to its time-out."""
        ...


class GroupListener(Protocol):
    """Whom a group consumer tells about its partitions."""

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        """Take these partitions. They are paused; called synchronously, before any poll."""
        ...

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Let go: the group waits for this to return (bounded by the rebalance time-out)."""
        ...

    def on_lost(self) -> None:
        """Close at once without committing: another member may own the partitions already."""
        ...


class GroupConsumer(Protocol):
    """One member of a consumer group, eager and sticky. Offsets are never committed by it."""

    async def start(self) -> None:
        """Join the group; the listener hears of partitions from then on."""
        ...

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        """Give what has arrived on partitions that are not paused; empty after the time-out."""
        ...

    def pause(self, *partitions: TopicPartition) -> None:
        """Fetch no more from these; takes effect before the next poll."""
        ...

    def resume(self, *partitions: TopicPartition) -> None:
        """Fetch from these again."""
        ...

    def seek(self, where: TopicPartition, offset: int) -> None:
        """Read on from here."""
        ...

    def membership(self) -> Membership | None:
        """Who we are now; None while the group has no place for us (joining, expired, closed)."""
        ...

    async def prove_membership(
        self, membership: Membership, where: TopicPartition, *, deadline_s: float
    ) -> None:
        """Commit a constant on a side partition under exactly that membership, in one attempt.

        Raises `MembershipRefused` when the group has moved on or the deadline has passed.
        """
        ...

    def rejoin(self, membership: Membership) -> None:
        """Have the group assign anew; nothing happens once it has moved on from `membership`."""
        ...

    async def close(self) -> None:
        """Leave the group at once, so that nobody waits out the session."""
        ...


class Tail(Protocol):
    """A reader outside any group, on partitions and positions of the caller's choice."""

    async def poll(self, *, timeout_s: float, records_max: int = 500) -> Sequence[Record]:
        """Give committed records in order per partition; empty after the time-out."""
        ...

    def position(self, where: TopicPartition) -> int:
        """The next offset to be read; it moves past transaction markers too."""
        ...

    async def close(self) -> None:
        """Give back sockets."""
        ...


class Sender(Protocol):
    """An idempotent producer without transactions, for submitters. Safe for concurrent calls."""

    async def send(self, record: Outgoing, *, deadline_s: float = 10.0) -> tuple[int, int]:
        """Give (partition, offset) once all in-sync replicas have it.

        Raises BrokerUnreachable, or RecordRefused.
        """
        ...

    async def close(self) -> None:
        """Flush and give back sockets."""
        ...


class Admin(Protocol):
    """Looking at and changing topics and groups."""

    async def topics(self) -> Mapping[str, int]:
        """Every topic that is not internal, with its partition count."""
        ...

    async def topic_settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The settings of these topics that differ from the broker's defaults or matter to us."""
        ...

    async def broker_settings(self, names: Sequence[str]) -> Mapping[str, str]:
        """These settings of one broker; what it will not tell this user is left out."""
        ...

    async def newest_requests(self) -> Mapping[int, int]:
        """The newest version of each kind of request that a broker of this cluster understands.

        No broker tells its release; this is how one is told from another. Empty without Kafka.
        """
        ...

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create what is not there; existing topics are left as they are."""
        ...

    async def alter_settings(self, name: str, settings: Mapping[str, str]) -> None:
        """Set these settings of one topic."""
        ...

    async def committed(self, group: str, topic: str) -> Mapping[int, Committed]:
        """A group's offsets on a topic by partition. Exact after the lane's producer has init."""
        ...

    async def offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """First and end offset (last stable) of each partition."""
        ...

    async def members(self, group: str) -> Mapping[str, frozenset[TopicPartition]]:
        """Member id → partitions; empty when nobody is there."""
        ...

    async def remove_member(self, group: str, member_id: str) -> None:
        """Tell the group that this member is dead. No error when it is gone already."""
        ...

    async def delete_records(self, before: Mapping[TopicPartition, int]) -> None:
        """Delete everything below these offsets."""
        ...


class Bus(Protocol):
    """A connection to one broker. Everything it hands out is closed with it."""

    async def start(self) -> None:
        """Reach the broker. Raises BrokerUnreachable with the address that was tried."""
        ...

    async def close(self) -> None:
        """Close all that was handed out."""
        ...

    @property
    def admin(self) -> Admin:
        """Topics and groups."""
        ...

    def lane_producer(self, transactional_id: str) -> LaneProducer:
        """Make one; nothing is sent before its `init`."""
        ...

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> GroupConsumer:
        """Make one; it joins on `start`."""
        ...

    def sender(self) -> Sender:
        """The shared sender of this connection."""
        ...

    async def tail(self, positions: Mapping[TopicPartition, int]) -> Tail:
        """Read these partitions from these offsets on."""
        ...

    async def end_offset(self, where: TopicPartition) -> int:
        """The last stable offset: everything below it is decided."""
        ...

    async def begin_offset(self, where: TopicPartition) -> int:
        """The first offset that is still there."""
        ...

    async def offset_at(self, where: TopicPartition, timestamp_ms: int) -> int:
        """The first offset whose record is that young or younger; the end when there is none."""
        ...

    def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Read committed records from `start` up to, not including, `end`, and stop there.

        It never stops because a poll was empty. Raises BrokerUnreachable when nothing moves.
        Who leaves it early closes it (`contextlib.aclosing`), so that its reader is free again.
        """
        ...

    async def partition_of(self, topic: str, key: bytes) -> int:
        """The partition that Kafka's own clients choose for this key (murmur2)."""
        ...
