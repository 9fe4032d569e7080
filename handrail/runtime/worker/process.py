"""One process that serves one or several agents: started, watched, drained.

The process owns nothing that outlives it. It can be killed at any moment; whoever gets its
partitions goes on from what was committed.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.contract.memory_reader import PATIENCE_S
from handrail.contract.team import TeamDescription
from handrail.lane.switches import CONTROL
from handrail.models.port import Model
from handrail.rails.gateway import Rails
from handrail.runtime.clock import Clock, WallClock
from handrail.runtime.closed_topics import ClosedTopics
from handrail.runtime.failpoint import FailPoints, fail_points_of_environment
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.agent_worker import AgentWorker
from handrail.runtime.worker.control import Control
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.lane_state import LaneState
from handrail.runtime.worker.place import (
    DRAIN_S,
    Jitter,
    Limits,
    MakeSteps,
    TeamPlace,
    WorkerPlace,
    full_jitter,
)
from handrail.runtime.worker.presence import Door
from handrail.runtime.worker.process_memory import MemoryPlace, ProcessMemory
from handrail.runtime.worker.provider import ProviderGates
from handrail.runtime.worker.traffic import Traffic
from handrail.runtime.worker.turns import Turns
from handrail.wire.record import TopicPartition

if TYPE_CHECKING:
    from handrail.runtime.memory_view import MemoryView

WATCH_S = 0.2


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """How a process serves its agents."""

    namespace: str
    process: str = "process"
    limits: Limits = field(default_factory=Limits)
    drain_s: float = DRAIN_S
    clock: Clock = field(default_factory=WallClock)
    steps: MakeSteps = StepRunner
    fail_points: FailPoints = field(default_factory=fail_points_of_environment)
    jitter: Jitter = full_jitter
    rails: Rails = field(default_factory=Rails)  #: what acts are judged by
    memory: Path | None = None  #: folder of the machine's views; None: one that ends with it
    subject_keys: Path | None = None  #: file of the keys of those whom records are about
    memory_patience_s: float = PATIENCE_S  #: how long a read waits for what was written before it
    project: Path | None = None  #: where a store of keys of the team's own is looked for
    references: Path | None = None  #: folder of the lanes' reference caches; None: without


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """What people see of one agent in one process."""

    agent: str
    group: str
    member_id: str | None
    partitions: Mapping[TopicPartition, str]  #: of its inboxes → state of the lane, in words
    running: int
    waiting: int
    parked: int
    finished: int
    dead: int
    ready: bool
    trouble: str | None
    closed: Mapping[str, str]  #: partitions of its inboxes that stay closed, INBOX/NUMBER → why


class AgentProcess:
    """The agents of one process."""

    def __init__(
        self,
        bus: Bus,
        agents: Sequence[Agent[..., Any]],
        team: TeamDescription,
        model: Model,
        settings: ProcessSettings,
    ) -> None:
        """Serve `agents`, which are some or all of `team`, through `bus`."""
        self._settings = settings
        self._is_prepared = False
        self.gates = ProviderGates()
        door, traffic = Door(), Traffic()
        closed = ClosedTopics(lambda: settings.clock.now_ms() / 1000)
        turns = Turns() if any(agent.reads.priorities for agent in agents) else None
        place = MemoryPlace(
            settings.namespace,
            settings.clock,
            settings.memory,
            settings.subject_keys,
            settings.memory_patience_s,
            settings.project,
        )
        self._memory = ProcessMemory(bus, team, agents, place)
        self._control = Control(bus, f"{settings.namespace}.{CONTROL}", settings.clock)
        self._workers = [
            AgentWorker(
                WorkerPlace(
                    bus=bus,
                    clock=settings.clock,
                    agent=agent,
                    team=team_place(settings.namespace, team, agent),
                    model=model,
                    process=settings.process,
                    closed=closed,
                    limits=settings.limits,
                    steps=settings.steps,
                    fail_points=settings.fail_points,
                    jitter=settings.jitter,
                    rails=settings.rails,
                    gates=self.gates,
                    door=door,
                    traffic=traffic,
                    switches=self._control.switches,
                    memory=self._memory.worker,
                    references=settings.references,
                    turns=turns,
                )
            )
            for agent in agents
        ]

    async def prepare(self) -> None:
        """Read what people have switched and what is remembered, however long that takes.

        Raises the first thing that is wrong.
        """
        await self._control.start()
        await self._memory.start()
        self._is_prepared = True

    async def start(self) -> None:
        """Prepare, unless that was done, then join every agent's group. Raises likewise."""
        if not self._is_prepared:
            await self.prepare()
        for worker in self._workers:
            await worker.start()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises what ended an agent's loop."""
        try:
            while not stop.is_set():
                self._control.check_alive()
                self._memory.check_alive()
                for worker in self._workers:
                    worker.check_alive()
                try:
                    async with asyncio.timeout(WATCH_S):
                        await stop.wait()
                except TimeoutError:
                    continue
            await asyncio.gather(*(w.drain(self._settings.drain_s) for w in self._workers))
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go at once; what runs is cancelled and will be run afresh by the next owner."""
        await asyncio.gather(*(worker.close() for worker in self._workers))
        await self._control.close()
        await self._memory.close()

    @property
    def is_ready(self) -> bool:
        """True once every agent has its partitions and every lane is open, or closed for good."""
        return all(worker.is_ready for worker in self._workers)

    @property
    def lanes(self) -> Sequence[LaneRunner]:
        """Every lane that this process has now."""
        return [lane for worker in self._workers for lane in worker.lanes.values()]

    @property
    def view(self) -> "MemoryView | None":
        """What it knows of memory, if one of its agents may read any."""
        return self._memory.view

    def status(self) -> list[AgentStatus]:
        """Say what each agent is doing here."""
        return [_status(worker) for worker in self._workers]


def _status(worker: AgentWorker) -> AgentStatus:
    membership = worker.membership
    runners = sorted(worker.lanes.items())
    lanes = [runner.lane for _, runner in runners if runner.lane is not None]
    troubles = [
        str(runner.trouble)
        for _, runner in runners
        if runner.trouble is not None and runner.state is not LaneState.OPEN
    ]
    return AgentStatus(
        agent=worker.worker.agent.name,
        group=worker.worker.group,
        member_id=membership.member_id if membership else None,
        partitions={where: str(runner.state) for where, runner in runners},
        running=sum(lane.running_count for lane in lanes) + worker.moved.count,
        waiting=sum(lane.waiting_count for lane in lanes),
        parked=sum(lane.parked_count for lane in lanes),
        finished=worker.worker.counts.finished,
        dead=worker.worker.counts.dead,
        ready=worker.is_ready,
        trouble=troubles[0] if troubles else None,
        closed={
            f"{where.topic}/{where.partition}": f"{runner.trouble.what} [{runner.trouble.code}]"
            for where, runner in runners
            if runner.trouble is not None and runner.state is LaneState.STOPPED
        },
    )


def team_place(namespace: str, team: TeamDescription, agent: Agent[..., Any]) -> TeamPlace:
    """Say what an agent has to know of its team. Raises TeamInvalid for an ambiguous gather."""
    gather = team.gather_of(agent) if agent.fans_out else None
    return TeamPlace(
        namespace=namespace,
        inboxes=frozenset(a.reads.name for a in team.agents),
        gather_of=gather.name if gather is not None else None,
        is_entry=not agent.gathers
        and (agent.reads.name == team.intake or not team.writers_of(agent.reads)),
        leads_to={name: _gathers_behind(team, name) for name in team.topics},
        urgent=frozenset(name for name, topic in team.topics.items() if topic.priorities),
    )


def _gathers_behind(team: TeamDescription, topic: str) -> frozenset[str]:
    """The gathering topics that a message on this topic can reach, the topic itself included."""
    found: set[str] = set()
    seen: set[str] = set()
    frontier = [topic]
    while frontier:
        name = frontier.pop()
        if name in seen:
            continue
        seen.add(name)
        readers: Iterable[Agent[..., Any]] = (a for a in team.agents if a.reads.name == name)
        for reader in readers:
            if reader.gathers:
                found.add(name)
            frontier.extend(written.name for written in reader.writes)
    return frozenset(found)
