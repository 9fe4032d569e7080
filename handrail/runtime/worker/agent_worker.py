"""One agent in one process: its place in the group, and a lane for each partition it is given.

Only inbox partitions are assigned by the group. Every join or leave takes all of them away and
gives most of them back; lanes whose partition comes back are kept with all that they hold.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from handrail.bus.port import GroupConsumer, Membership
from handrail.contract.team import SIDES
from handrail.errors import BrokerUnreachable, PartitionCountsDiffer
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.lane_state import LaneState
from handrail.runtime.worker.moved_acts import MovedActs
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.packing import BLOBS
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.silence import Silence
from handrail.wire.priority import Priority
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger("handrail.agent")

POLL_S = 0.5
POLL_RECORDS_MAX = 500
HANDLER_GRACE_S = 2.0  #: for what runs and is not in an act, before a process leaves


class AgentWorker:
    """Serves an agent until it is drained. Implements `GroupListener`."""

    def __init__(self, worker: WorkerPlace) -> None:
        """Do nothing until `start`."""
        self.worker = worker
        self._places = {worker.inbox: worker}  # by inbox
        if worker.agent.reads.priorities:
            urgent = replace(worker, priority=Priority.HIGH)
            self._places[urgent.inbox] = urgent
        self.lanes: dict[TopicPartition, LaneRunner] = {}
        self.assigned_count = 0  #: how often the group has given us partitions
        self._consumer: GroupConsumer | None = None
        self._partitions = 0
        self._polling: asyncio.Task[None] | None = None
        self._closing: dict[TopicPartition, asyncio.Task[None]] = {}
        self._draining = False
        self._silence = Silence()
        blobs = worker.team.full(BLOBS)
        self.moved = MovedActs(worker.bus, blobs, worker.clock)  #: what outlives its lane

    async def start(self) -> None:
        """Check the topics and join the group.

        Raises PartitionCountsDiffer, TopicMissing and BrokerUnreachable.
        """
        worker = self.worker
        if worker.agent.before_start is not None:
            await worker.agent.before_start()
        self._partitions = await _checked_partitions([*self._places.values()])
        self._consumer = worker.bus.group_consumer(worker.group, [*self._places], self)
        await self._consumer.start()
        self._polling = asyncio.create_task(self._poll(), name=f"poll {worker.inbox}")

    @property
    def membership(self) -> Membership | None:
        """Who we are in the group now; None while it has no place for us."""
        return self._consumer.membership() if self._consumer is not None else None

    @property
    def is_ready(self) -> bool:
        """True once the group has answered and every lane it gave us is open, or stopped for good.

        The others work beside a stopped one; `status` and the note say which it is, and why.
        """
        return self.assigned_count > 0 and all(
            runner.state in (LaneState.OPEN, LaneState.STOPPED) for runner in self.lanes.values()
        )

    def check_alive(self) -> None:
        """Raise what ended the poll loop or broke a lane, if anything has."""
        if self._polling is not None and self._polling.done() and not self._draining:
            self._polling.result()
        for runner in self.lanes.values():
            if runner.defect is not None:
                raise runner.defect

    # ---- what the group says

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        """Keep the lanes that came back, open the new ones, close those that moved."""
        assert self._consumer is not None
        self.assigned_count += 1
        for where in [known for known in self.lanes if known not in partitions]:
            self._close_aside(where)
        for where in sorted(partitions):
            known = self.lanes.get(where)
            if known is not None:
                known.keep(membership)
                continue
            worker = self._places[where.topic]
            runner = LaneRunner(
                worker, _place(worker, where), self._consumer, self._partitions, self.moved
            )
            if self._draining:
                runner.drain()
            self.lanes[where] = runner
            runner.open(membership, after=self._closing.get(where))
        log.info("partitions assigned", group=self.worker.group, count=len(partitions))

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Suspend: say what goes on here; handlers go on until we know who owns them."""
        runners = [self.lanes[where] for where in partitions if where in self.lanes]
        await asyncio.gather(*(runner.suspend() for runner in runners))

    def on_lost(self) -> None:
        """Another member may own everything already: nothing commits until we know.

        What comes back with the next assignment is kept if nobody was in between; a process that
        only slept, or whose handler blocked it, loses no work by that.
        """
        log.warning("membership lost", group=self.worker.group)
        for runner in self.lanes.values():
            runner.hold()

    # ---- work

    async def _poll(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        self._silence.ended()  # what came before the first poll is none
        while True:
            self._close_if_silent()
            try:
                records = await consumer.poll(timeout_s=POLL_S, records_max=POLL_RECORDS_MAX)
            except BrokerUnreachable as error:
                log.warning("broker unreachable", group=self.worker.group, why=str(error))
                await asyncio.sleep(POLL_S)
                continue
            self._close_if_silent()
            if records:
                await self.worker.fail_points.reached(Moment.AFTER_POLL)
            self._deliver(records)

    def _close_if_silent(self) -> None:
        """Close every lane after a silence, before anything is asked for or taken in.

        The process was stopped, or a handler that does not await held it up: somebody else may own
        our partitions. Each lane is suspended and goes on once it has proved that nobody does.
        """
        silent_s = self._silence.ended()
        if silent_s is None:
            return
        log.warning("this process was silent", seconds=round(silent_s, 1))
        for runner in self.lanes.values():
            runner.check()

    def _deliver(self, records: Sequence[Record]) -> None:
        by_partition: dict[TopicPartition, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.where, []).append(record)
        for where, found in by_partition.items():
            runner = self.lanes.get(where)
            if runner is not None and runner.takes_records:
                runner.admit(found)

    # ---- ending

    async def drain(self, drain_s: float) -> None:
        """Take in nothing more, leave the group, and tell what comes of the acts under way.

        What runs and is not in an act has two seconds to end. Then every lane says what goes on
        here, and others take the partitions over; acts have until the end of the drain.
        """
        self._draining = True
        consumer = self._consumer
        if consumer is None:
            return
        over_s = time.monotonic() + drain_s
        consumer.pause(*self.lanes)
        runners = [*self.lanes.values()]
        for runner in runners:
            runner.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(drain_s, HANDLER_GRACE_S)):
                await asyncio.gather(*(runner.settled() for runner in runners))
        await asyncio.gather(*(runner.say_released() for runner in self.lanes.values()))
        await self._leave()
        await self.moved.finish(max(0.0, over_s - time.monotonic()))

    async def close(self) -> None:
        """Leave the group and let go of everything; what runs is cancelled, acts are cut off."""
        await self._leave()
        await self.moved.close()

    async def _leave(self) -> None:
        self._draining = True
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        # Lanes close before the group hears of it: a successor never waits for our handlers.
        await asyncio.gather(*(runner.close() for runner in self.lanes.values()))
        if self._closing:
            await asyncio.gather(*self._closing.values(), return_exceptions=True)
        self.lanes.clear()
        if self._consumer is not None:
            await self._consumer.close()
            self._consumer = None

    def _close_aside(self, where: TopicPartition) -> None:
        """Close a lane; whoever opens the same partition waits for it (one opener at a time)."""
        runner, earlier = self.lanes.pop(where), self._closing.get(where)

        async def close() -> None:
            await runner.close()
            if earlier is not None:
                await asyncio.wait({earlier})

        task = asyncio.create_task(close(), name=f"close {where}")
        self._closing[where] = task
        task.add_done_callback(lambda done: self._closed(where, done))

    def _closed(self, where: TopicPartition, task: asyncio.Task[None]) -> None:
        if self._closing.get(where) is task:
            del self._closing[where]


def _place(worker: WorkerPlace, where: TopicPartition) -> LanePlace:
    return LanePlace(
        group=worker.group,
        inbox=where,
        answers=worker.side("answers", where.partition),
        journal=worker.side("journal", where.partition),
        dead=worker.side("dead", where.partition),
    )


async def _checked_partitions(places: Sequence[WorkerPlace]) -> int:
    """Give the one count of partitions that all topics of an agent's lanes have."""
    counts: Mapping[str, int] = await places[0].bus.admin.topics()
    inbox = places[0].inbox
    expected = counts.get(inbox, 0)
    for worker in places:
        beside = [worker.side(kind, 0).topic for kind in SIDES]
        for topic in (worker.inbox, *beside):
            if counts.get(topic, 0) != expected or not expected:
                raise PartitionCountsDiffer(
                    topic=topic, found=counts.get(topic, 0), inbox=inbox, expected=expected
                )
    return expected
