"""Runs of the shop on a broker in memory, recorded as histories, with or without a bug."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_log import Fate as LogFate
from handrail.chaos.history import (
    AgentFacts,
    Fate,
    Fault,
    GroupOffset,
    History,
    Phase,
    Run,
    Seen,
    Submission,
    Watermark,
)
from handrail.runtime.worker.lane_state import LaneState
from handrail.testing import Team
from handrail.testing.clock import VirtualClock
from handrail.testing.ground import MEMORY_STARTS_MS, MemoryGround
from handrail.testing.member import Member
from handrail.testing.task import TeamTask
from handrail.wire.record import Record, TopicPartition
from tests.unit.chaos.checker import shop
from tests.unit.chaos.checker.shop import AGENTS, EFFECTS, TOOLS, WORLD, Order, Speaker
from tests.waiting import until

PARTITIONS = 2
FATES = {
    LogFate.COMMITTED: Fate.COMMITTED,
    LogFate.ABORTED: Fate.ABORTED,
    LogFate.OPEN: Fate.OPEN,
}


class TickingClock(VirtualClock):
    """Time that goes on by a millisecond with each look, so that no two things are at once."""

    def now_ms(self) -> int:
        """Look, which takes a millisecond."""
        self._now_ms += 1
        return self._now_ms


class TickingGround(MemoryGround):
    """A broker in memory whose logs can be read by the test."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.clock = TickingClock(MEMORY_STARTS_MS)
        self.broker = self._broker = InProcessBroker(self.clock.now_ms)


class Shop(Team):
    """The shop under faults; what it leaves behind is a history."""

    def __init__(self) -> None:
        """Begin with an untouched world."""
        super().__init__(*AGENTS, tools=TOOLS, model=Speaker(), partitions=PARTITIONS)
        self.ground = self._ground = TickingGround()
        WORLD.__init__()  # type: ignore[misc]  # the tools know it by its name
        WORLD.now_ms = self.clock.now_ms
        for one in TOOLS:
            self.allow(one)
        self.faults: list[Fault] = []
        self.submissions: list[Submission] = []
        self.started_ms = self.clock.now_ms()

    async def order(self, number: int, customer: str = "", **wishes: Any) -> TeamTask:
        """Hand an order in, and keep that it was acknowledged."""
        order = Order(number=number, customer=customer or f"c{number}", **wishes)
        task = await self.submit(shop.orders, order, reference=f"order-{number}")
        self.submissions.append(
            Submission(
                time_ms=self.clock.now_ms(),
                task=task.id,
                topic="orders",
                reference=f"order-{number}",
                kind="dies" if order.dies else "ordinary",
                parts=order.pieces,
                results=None if order.dies else 1,
                may_die=order.dies,
            )
        )
        return task

    async def dies(self, agent: Any, at: str, then: Callable[[], Awaitable[Any]]) -> Any:
        """Kill an agent's process at a moment that this brings about, and start another one."""
        await self.kill(agent, at=at)
        given = await then()
        member = next(one for one in self.members if one.agent is agent)
        name = name_of(member)
        await self._dead(member)
        self.faults.append(Fault(time_ms=self.clock.now_ms(), fault="kill", target=name))
        await self.start(agent)
        ended = Fault(time_ms=self.clock.now_ms(), fault="kill", target=name, phase=Phase.ENDED)
        self.faults.append(ended)
        return given

    def spell(self, fault: str, agent: Any) -> None:
        """Keep that a fault struck an agent's process, and was over at once."""
        begun = self.begins(fault, agent)
        ended = replace(begun, time_ms=self.clock.now_ms(), phase=Phase.ENDED)
        self.faults.append(ended)

    def begins(self, fault: str, agent: Any) -> Fault:
        """Keep that a fault has struck an agent's process."""
        self.faults.append(Fault(time_ms=self.clock.now_ms(), fault=fault, target=agent.name))
        return self.faults[-1]

    async def strike(self, fault: str, member: Member) -> None:
        """End a process that was or is to be killed, and keep that it was."""
        now_ms = self.clock.now_ms()
        self.faults.append(Fault(time_ms=now_ms, fault=fault, target=name_of(member)))
        await self._killed(member)

    def freeze(self, member: Member) -> Callable[[], Awaitable[None]]:
        """Let nothing through a process's connection, and no heartbeat out, until it thaws.

        The thawed process goes on with what it was doing before it hears from its group.
        """
        thawed = asyncio.Event()
        member.bus.line.alive = thawed.wait  # type: ignore[attr-defined]  # a frozen line
        hears = self._deaf(member, "freeze")

        async def thaw() -> None:
            thawed.set()
            await self.settle()
            await hears()

        return thaw

    def cut_off(self, member: Member) -> Callable[[], Awaitable[None]]:
        """Keep a process from hearing its group, and the group from hearing it; all else works."""
        return self._deaf(member, "cutoff")

    def _deaf(self, member: Member, fault: str) -> Callable[[], Awaitable[None]]:
        bus, name = member.bus, name_of(member)
        assert isinstance(bus, InProcessBus)
        for consumer in bus._consumers:
            consumer.cut(silent=True)
            assert consumer._task is not None
            consumer._task.cancel()
            consumer._task = None
        self.faults.append(Fault(time_ms=self.clock.now_ms(), fault=fault, target=name))

        async def hears() -> None:
            ended = Fault(time_ms=self.clock.now_ms(), fault=fault, target=name, phase=Phase.ENDED)
            self.faults.append(ended)
            for consumer in bus._consumers:
                consumer.cut(silent=False)
                await consumer.start()

        return hears

    async def reopened(self, agent: Any) -> None:
        """Wait until every lane of an agent is open again, or was given up for another owner."""
        at_rest = (LaneState.OPEN, LaneState.GIVEN_UP)
        runners = [r for m in self.members if m.agent is agent for r in m.process.lanes]
        await until(lambda: all(one.state in at_rest for one in runners), what="lanes are open")

    def patience_is_short(self) -> None:
        """Wait for nothing that a planted bug keeps from happening."""
        self.ground.patience_s = 0.3

    async def told(self) -> None:
        """Wait until every group was told how far its lanes have come."""
        await until(lambda: all(map(self._is_told, AGENTS)), what="every group is told")

    def _is_told(self, agent: Any) -> bool:
        runners = [
            runner
            for member in self.members
            if member.agent is agent
            for runner in member.process.lanes
        ]
        offsets = self.ground.broker.group(self.full(agent.name)).offsets
        return all(
            runner.lane is None
            or offsets.get(runner.place.inbox) is None
            or offsets[runner.place.inbox].offset == runner.lane.progress.low
            for runner in runners
        )

    def history(self, *, settled: bool = True) -> History:
        """Give everything that was left behind."""
        now_ms = self.clock.now_ms()
        logs = {
            TopicPartition(topic, p): self.ground.broker.log(TopicPartition(topic, p))
            for topic, count in self.ground.broker.partitions().items()
            for p in range(count)
        }
        return History(
            run=Run(
                namespace=self.namespace,
                started_ms=self.started_ms,
                ended_ms=now_ms,
                agents=tuple(
                    AgentFacts(name=one.name, inboxes=(one.reads.name,), effects=EFFECTS)
                    for one in AGENTS
                ),
                intake="orders",
                settled=settled,
            ),
            records={where: recorded(where, log) for where, log in logs.items()},
            watermarks=[
                Watermark(
                    time_ms=now_ms,
                    topic=where.topic,
                    partition=where.partition,
                    begin=log.begin,
                    stable=log.last_stable,
                    end=log.end,
                )
                for where, log in logs.items()
            ],
            offsets=[
                GroupOffset(
                    time_ms=now_ms,
                    group=self.full(one.name),
                    topic=where.topic,
                    partition=where.partition,
                    offset=committed.offset,
                    metadata=committed.metadata,
                )
                for one in AGENTS
                for where, committed in self.ground.broker.group(
                    self.full(one.name)
                ).offsets.items()
            ],
            effects=list(WORLD.seen),
            faults=list(self.faults),
            submissions=list(self.submissions),
        )


def name_of(member: Member) -> str:
    """Name a process as events do."""
    return member.process._settings.process


def recorded(where: TopicPartition, log: Any) -> list[Seen]:
    """Give a partition as an uncommitted reader sees it, with what became of each record."""
    return [
        Seen(
            Record(
                where.topic,
                where.partition,
                entry.offset,
                entry.timestamp_ms,
                entry.key,
                entry.value,
                entry.headers,
            ),
            FATES[entry.fate],
        )
        for entry in log.entries
        if entry.fate is not LogFate.MARKER
    ]


@asynccontextmanager
async def shop_that_may_be_wrong() -> AsyncIterator[Shop]:
    """Open the shop; what a planted bug does to its end is for the checker to find."""
    shop_ = Shop()
    try:
        async with shop_:
            yield shop_
    except AssertionError:
        if not shop_.submissions:
            raise
