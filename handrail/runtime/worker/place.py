"""What the lanes of one agent in one process share: the broker, the clock, the team around."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.contract.memory import Memory
from handrail.contract.memory_reader import MemoryReader
from handrail.lane.bounds import LaneBounds
from handrail.lane.decision import LaneSettings
from handrail.lane.retry import Tries
from handrail.lane.switches import Switches
from handrail.models.port import Model
from handrail.rails.gateway import Rails
from handrail.runtime.clock import Clock
from handrail.runtime.closed_topics import ClosedTopics
from handrail.runtime.failpoint import FailPoints, NoFailPoints
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.presence import Door
from handrail.runtime.worker.provider import ProviderGates
from handrail.runtime.worker.traffic import Traffic
from handrail.wire.priority import Priority, priority_of, with_priority
from handrail.wire.record import TopicPartition

if TYPE_CHECKING:
    from handrail.runtime.worker.turns import Turns
    from handrail.store.subject_keys import SubjectKeys

DRAIN_S = 120.0
TASK_DEADLINE_S = 7 * 86_400.0
FAN_OUT_PARTS_MAX = 16
TENANT_DEFAULT = "default"

#: Makes what does what the steps of one invocation ask for: the model's turns and the tools.
MakeSteps = Callable[[Model], StepRunner]

#: Gives a number from 0 up to 1, drawn anew for each failure: how much of the bound is waited.
Jitter = Callable[[Tries], float]


def full_jitter(tries: Tries) -> float:
    """Spread tries evenly, so that those that failed together do not come back together."""
    del tries
    return random.random()  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True, slots=True)
class TeamPlace:
    """What an agent has to know of its team to address what it writes."""

    namespace: str
    inboxes: frozenset[str]  #: topics that an agent of the team reads
    gather_of: str | None  #: where the parts meet that this agent's lists open
    leads_to: Mapping[str, frozenset[str]]  #: topic → gathering topics that can follow it
    is_entry: bool = True  #: work enters the team on this agent's inbox: no agent writes to it
    urgent: frozenset[str] = frozenset()  #: topics that have a second inbox, for high priority

    def inbox_of(self, topic: str, priority: str | None) -> str:
        """Name the inbox on which what has this priority is written; every topic has one."""
        if topic not in self.urgent:
            return topic
        return with_priority(topic, priority_of(priority))

    def full(self, name: str) -> str:
        """The name of a topic as the broker knows it."""
        return f"{self.namespace}.{name}"


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """The memory of a team, as its agents in one process have it."""

    spaces: Mapping[str, Memory[Any]] = field(default_factory=dict[str, Memory[Any]])
    reader: MemoryReader | None = None  #: the view; there when one of its agents may read
    keys: "SubjectKeys | None" = None  #: of those whom personal records are about


@dataclass(frozen=True, slots=True)
class Limits:
    """What `handrail.toml` may set about carrying out."""

    tenant: str = TENANT_DEFAULT
    task_deadline_s: float = TASK_DEADLINE_S
    fan_out_parts_max: int = FAN_OUT_PARTS_MAX
    lane: LaneBounds = field(default_factory=LaneBounds)


@dataclass(slots=True, eq=False)
class Counts:
    """What an agent has done in this process since it started."""

    finished: int = 0
    dead: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Everything that the lanes of one agent in one process have in common."""

    bus: Bus
    clock: Clock
    agent: Agent[..., Any]
    team: TeamPlace
    model: Model
    process: str  #: this process's name, as people see it
    limits: Limits = field(default_factory=Limits)
    counts: Counts = field(default_factory=Counts)
    steps: MakeSteps = StepRunner
    fail_points: FailPoints = field(default_factory=NoFailPoints)
    door: Door = field(default_factory=Door)  #: who runs beside whom, in its process
    gates: ProviderGates = field(default_factory=ProviderGates)  #: of its process
    traffic: Traffic = field(default_factory=Traffic)  #: the transactions of its process
    switches: Switches = field(default_factory=Switches)  #: what people have set, of this process
    jitter: Jitter = full_jitter  #: how much of the longest delay a try that has failed waits
    rails: Rails = field(default_factory=Rails)  #: what its acts are judged by
    memory: WorkerMemory = field(default_factory=WorkerMemory)
    references: Path | None = None  #: where its lanes keep their reference caches; None: nowhere
    priority: Priority = Priority.NORMAL  #: of its inbox
    closed: ClosedTopics = field(default_factory=ClosedTopics)  #: where it may not write for now
    turns: "Turns | None" = None  #: of its process; None: nothing is of high priority there

    def reference_cache(self, lane: str) -> Path | None:
        """The file of one lane, named by its transactional id."""
        return None if self.references is None else self.references / f"{lane}.sqlite"

    @property
    def group(self) -> str:
        """The consumer group of the agent."""
        return self.team.full(self.agent.name)

    @property
    def inbox_name(self) -> str:
        """The inbox, without namespace."""
        return with_priority(self.agent.reads.name, self.priority)

    @property
    def inbox(self) -> str:
        """The inbox as the broker knows it."""
        return self.team.full(self.inbox_name)

    @property
    def lanes_name(self) -> str:
        """The agent, or its lanes of high priority: what the side topics are named by."""
        return with_priority(self.agent.name, self.priority)

    def side(self, kind: str, partition: int) -> TopicPartition:
        """The same partition of the lanes' `answers`, `journal` or `dead`."""
        return TopicPartition(self.team.full(f"{self.lanes_name}.{kind}"), partition)

    @property
    def lane_settings(self) -> LaneSettings:
        """What each of its lanes knows of the agent."""
        within_s = self.agent.within_s
        return LaneSettings(
            agent_version=self.agent.version,
            inbox=self.inbox_name,
            within_ms=None if within_s is None else int(within_s * 1000),
            bounds=self.limits.lane,
        )
