"""Reading from Kafka as a member of an agent's group.

aiokafka 0.14: offsets of the broker may be stale right after a commit, so positions are always
given, never asked for. A member that the group has dropped learns it only from its generation, and
one whose broker comes back at the moment of its dropping may wait for ever for a task of its own.
Guarantee: a member that has had no place for 45 s joins anew, as another one.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as Place
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest

from handrail.bus.kafka_header_names import unreadable_names
from handrail.bus.port import GroupListener, Membership
from handrail.bus.stray import stray_cancellations_told
from handrail.errors import BrokerUnreachable, MembershipRefused
from handrail.wire.record import Record, TopicPartition

SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_INTERVAL_MS = 1_000
REBALANCE_TIMEOUT_MS = 30_000
FETCH_WAIT_MS = 100
START_DEADLINE_S = 30.0
LEAVE_DEADLINE_S = 5.0
PLACELESS_S_MAX = 45.0  #: longer than the group may take to rearrange itself
JOINS_AGAIN_AFTER_S = 1.0
ENDINGS_COUNT_MAX, ENDING_S = 5, 0.1
POLL_GRACE_S = 0.05
GENERATION_NONE = -1
_TASKS = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
assert REBALANCE_TIMEOUT_MS + SESSION_TIMEOUT_MS < PLACELESS_S_MAX * 1000

log = structlog.get_logger("handrail.kafka")


def structs(places: Iterable[TopicPartition]) -> list[Place]:
    """Give partitions as aiokafka wants them."""
    return [Place(topic, partition) for topic, partition in places]


def as_record(found: Any) -> Record:
    """Give a record as the engine wants it."""
    record = Record(
        found.topic,
        found.partition,
        found.offset,
        found.timestamp,
        found.key,
        found.value,
        tuple(found.headers),
    )
    if found.checksum is None:  # as aiokafka 0.14 has it for every record whose names are text
        return record
    return replace(record, unreadable_names=unreadable_names(found))


class KafkaGroupConsumer:
    """One member of one group. Implements `GroupConsumer`."""

    def __init__(
        self,
        common: Mapping[str, Any],
        group: str,
        topics: Sequence[str],
        listener: GroupListener,
    ) -> None:
        """Join on `start`."""
        self._group = group
        self._topics = tuple(topics)
        self._listener = listener
        self._common = common
        self._bootstrap = common["bootstrap_servers"]
        self._consumer = self._new()
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._membership: Membership | None = None
        self._placeless_since_s: float | None = None
        self.placeless_s_max = PLACELESS_S_MAX
        self._heard_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None
        self.closed = False

    def _new(self) -> Any:
        # aiokafka 0.14: the assignor keeps its state on the class, which consumers would share.
        assignor: Any = type("Sticky", (StickyPartitionAssignor,), {})
        return AIOKafkaConsumer(
            **self._common,
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(assignor,),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=REBALANCE_TIMEOUT_MS * 10,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            retry_backoff_ms=50,
        )

    async def start(self) -> None:
        """Join the group; the listener hears of partitions from then on."""
        try:
            await self._join()
        except (KafkaError, OSError, TimeoutError) as error:
            reason = (
                f"the group {self._group} cannot be joined ({str(error) or type(error).__name__})"
            )
            raise BrokerUnreachable(bootstrap=self._bootstrap, reason=reason) from error

    async def _join(self) -> None:
        consumer = self._consumer
        listener = _Rebalance(self, lambda: self._consumer is consumer)
        consumer.subscribe(topics=list(self._topics), listener=listener)
        async with asyncio.timeout(START_DEADLINE_S):
            await consumer.start()
        coordinator, beat = self._coordinator, self._coordinator._do_heartbeat

        async def heard() -> bool:
            answered = bool(await beat())
            if answered:
                self._heard_at = asyncio.get_running_loop().time()
            return answered

        coordinator._do_heartbeat = heard

    async def _join_anew(self) -> None:
        """Join as another member; what cannot be joined now is tried again by the next poll."""
        await _stop(self._consumer)
        self._consumer = self._new()
        try:
            with stray_cancellations_told(self._bootstrap):
                await self._join()
        except (KafkaError, OSError, TimeoutError, BrokerUnreachable):
            await asyncio.sleep(JOINS_AGAIN_AFTER_S)
            return
        log.warning("member without a place has joined anew", group=self._group)

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        """Give what has arrived on partitions that are not paused; empty after the time-out.

        Raises what the listener raised, since aiokafka only logs it.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self._is_placeless_for_long():
            await self._join_anew()
            return []
        try:
            # aiokafka 0.14: while the group rebalances getmany waits past its time-out. Cancelling
            # it loses nothing, for it takes records only after its last await.
            async with asyncio.timeout(timeout_s + POLL_GRACE_S):
                found = await self._consumer.getmany(
                    timeout_ms=int(timeout_s * 1000), max_records=records_max
                )
        except TimeoutError:
            return []
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await asyncio.sleep(POLL_GRACE_S)
            return []  # a future of aiokafka's own was cancelled, and not whoever polls
        except KafkaError as error:
            raise BrokerUnreachable(bootstrap=self._bootstrap, reason=str(error)) from error
        return [as_record(record) for records in found.values() for record in records]

    def pause(self, *partitions: TopicPartition) -> None:
        """Fetch no more from these; partitions that are not ours any more are passed over."""
        self._consumer.pause(*structs(p for p in partitions if p in self._held()))

    def resume(self, *partitions: TopicPartition) -> None:
        """Fetch from these again; partitions that are not ours any more are passed over."""
        self._consumer.resume(*structs(p for p in partitions if p in self._held()))

    def seek(self, where: TopicPartition, offset: int) -> None:
        """Read on from here."""
        if where in self._held():
            self._consumer.seek(Place(*where), offset)

    def _held(self) -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(*place) for place in self._consumer.assignment())

    def membership(self) -> Membership | None:
        """Who we are now; None while the group has no place for us.

        A member that has heard nothing for a session has none: aiokafka 0.14 keeps its
        assignment then, although another member may have it already.
        """
        membership, coordinator = self._membership, self._coordinator
        if self.closed or membership is None:
            return None
        present = (coordinator.generation, coordinator.member_id)
        if present != (membership.generation, membership.member_id) or self._silent():
            return None
        return membership

    def _silent(self) -> bool:
        silence_s = asyncio.get_running_loop().time() - self._heard_at
        return silence_s * 1000 >= SESSION_TIMEOUT_MS

    def _is_placeless_for_long(self) -> bool:
        since_s = self._placeless_since_s
        return (
            since_s is not None
            and asyncio.get_running_loop().time() - since_s > self.placeless_s_max
        )

    def _has_no_place(self) -> None:
        if self._placeless_since_s is None:
            self._placeless_since_s = asyncio.get_running_loop().time()

    @property
    def _coordinator(self) -> Any:
        return self._consumer._coordinator

    async def prove_membership(
        self, membership: Membership, where: TopicPartition, *, deadline_s: float
    ) -> None:
        """Commit a constant on a side partition under exactly that membership, in one attempt."""
        if self._coordinator is None:
            raise _refused(membership, where, "we are joining the group as another member")
        request = OffsetCommitRequest(
            membership.group,
            membership.generation,
            membership.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            [(where.topic, [(where.partition, 0, "")])],
        )
        try:
            async with asyncio.timeout(deadline_s):
                response = await self._coordinator._send_req(request)
        except TimeoutError as error:
            raise _refused(membership, where, f"no answer within {deadline_s:g} s") from error
        except KafkaError as error:
            raise _refused(membership, where, f"{type(error).__name__}: {error}") from error
        for _, partitions in response.topics:
            for _, code in partitions:
                if code:
                    raise _refused(membership, where, for_code(code).__name__)

    def rejoin(self, membership: Membership) -> None:
        """Have the group assign anew; nothing happens once it has moved on from `membership`."""
        if not self.closed and self._membership == membership:
            self._coordinator.request_rejoin()

    async def close(self) -> None:
        """Leave the group at once, so that nobody waits out the session."""
        if self.closed:
            return
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
        await _stop(self._consumer)

    # ---- what aiokafka's own thread of control calls

    async def revoked(self) -> None:
        """Tell the listener; a dropped member is told that it has lost everything."""
        self._has_no_place()
        lost = self._coordinator.generation == GENERATION_NONE or self._silent()
        if lost:
            self._lose()
            return
        held, self._assigned = self._assigned, frozenset()
        try:
            if held and not self.closed:
                await self._listener.on_revoked(held)
        except Exception as error:  # noqa: BLE001 - aiokafka would only log it; poll raises it
            self._failure = error
        finally:
            self._membership = None

    def assigned(self, places: Iterable[Place]) -> None:
        """Pause everything before anything can be fetched, then tell the listener."""
        self._assigned = frozenset(TopicPartition(*place) for place in places)
        for place in structs(self._assigned):
            # aiokafka 0.14: without a position of its own a partition would be reset to the
            # group's offset, and records would leak before the lane is open.
            self._consumer.seek(place, 0)
        self._consumer.pause(*structs(self._assigned))
        coordinator = self._coordinator
        if coordinator.generation == GENERATION_NONE:
            return
        self._membership = Membership(self._group, coordinator.generation, coordinator.member_id)
        self._placeless_since_s = None
        self._heard_at = asyncio.get_running_loop().time()
        self._watch_silence()
        try:
            self._listener.on_assigned(self._membership, self._assigned)
        except Exception as error:  # noqa: BLE001 - aiokafka would only log it; poll raises it
            self._failure = error

    def _watch_silence(self) -> None:
        """Look again when the session would be over; after a thaw that is at once."""
        if self._watch is not None:
            self._watch.cancel()
        at = self._heard_at + SESSION_TIMEOUT_MS / 1000
        self._watch = asyncio.get_running_loop().call_at(at, self._look)

    def _look(self) -> None:
        if self.closed or self._membership is None:
            return
        if not self._silent():
            self._watch_silence()
            return
        self._lose()
        # A coordinator that comes back may still know us and would never assign anew.
        self._coordinator.request_rejoin()

    def _lose(self) -> None:
        self._has_no_place()
        held, self._assigned, self._membership = self._assigned, frozenset(), None
        if not held or self.closed:
            return
        try:
            self._listener.on_lost()
        except Exception as error:  # noqa: BLE001 - aiokafka would only log it; poll raises it
            self._failure = error


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka 0.14 is untyped
    """What one consumer of a member says; one that was replaced is not listened to."""

    def __init__(self, member: KafkaGroupConsumer, is_current: Callable[[], bool]) -> None:
        self._member, self._is_current = member, is_current

    async def on_partitions_revoked(self, revoked: Iterable[Place]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # aiokafka 0.14 awaits a coroutine
        del revoked
        if self._is_current():
            await self._member.revoked()

    def on_partitions_assigned(self, assigned: Iterable[Place]) -> None:
        # Not a coroutine: what happens before the first await cannot be overtaken by a fetch.
        if self._is_current():
            self._member.assigned(assigned)


async def _stop(consumer: Any) -> None:
    """Leave the group and give back sockets and tasks, within a bounded time. Never raises."""
    with suppress(KafkaError, OSError, TimeoutError):
        try:
            async with asyncio.timeout(LEAVE_DEADLINE_S):
                await consumer.stop()
        finally:  # However stopping ended, also when whoever stops it is cancelled.
            await consumer._client.close()
            await _end_tasks(consumer)


async def _end_tasks(consumer: Any) -> None:
    """End what stopping has waited for in vain."""
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    found = [getattr(coordinator, name, None) for name in _TASKS]
    tasks = [one for one in (*found, getattr(fetcher, "_fetch_task", None)) if one is not None]
    for _ in range(ENDINGS_COUNT_MAX):
        left = [task for task in tasks if not task.done()]
        if not left:
            break
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=ENDING_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # whoever ends a task has no use for how it failed


def _refused(membership: Membership, where: TopicPartition, reason: str) -> MembershipRefused:
    place = f"{where.topic}[{where.partition}]"
    return MembershipRefused(group=membership.group, where=place, reason=reason)
