"""The rows that commands give out; together they are the published schema of `-o json`.

A field is added freely and never renamed or retyped under the same output version. Times are
RFC 3339 in UTC, durations are seconds, sizes are bytes. `None` says that nobody knows.
"""

from dataclasses import dataclass
from typing import Any

from handrail.cli.person_rows import DoubtRow, RequestRow
from handrail.cli.rail_rows import RemoteToolRow, RuleRow, ToolRow, UndoRow
from handrail.cli.remembered_rows import (
    MemoryChangeRow,
    MemoryDiffRow,
    MemoryListRow,
    MemoryManifestRow,
    MemoryReceiptRow,
    MemoryRefusedRow,
    MemoryRow,
    MemorySpaceRow,
    PolicyRow,
)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A part and its version; None when it is not installed."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting, its value and where the value comes from."""

    key: str
    value: str | None
    source: str  #: flag, environment, handrail.toml or default
    detail: str  #: which variable or file; what the setting means


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of the doctor with its fix."""

    number: int
    check: str
    state: str  #: ok, warning, failed or skipped
    finding: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process of a team on this machine."""

    name: str
    state: str
    pid: int | None
    agents: list[str]
    partitions: int | None
    handled: int | None
    in_hand: int | None  #: taken up and not ended; what lies unread is an agent's `waiting`
    since: str | None


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent of a team, from its file and from its consumer group."""

    name: str
    reads: str
    writes: list[str]
    file: str
    processes: int | None
    waiting: int | None
    inboxes: int = 1


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One partition of an inbox of an agent."""

    priority: str
    partition: int
    owner: str | None
    first: int
    committed: int | None
    end: int
    waiting: int
    closed: str | None = None  #: why it stays closed, if a process of this machine says so


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic that the team needs."""

    name: str
    purpose: str
    key: str
    partitions: int
    cleanup: str
    state: str  #: as planned, missing, differs or unknown


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One difference between what the team needs and what the broker has."""

    topic: str
    what: str
    change: str  #: create, alter, refused or waits
    command: str | None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record of a topic, decoded as far as it can be."""

    topic: str
    partition: int
    offset: int
    time: str
    key: str | None
    type: str | None
    task: str | None
    value: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task as the projection has it."""

    id: str
    reference: str | None
    state: str
    submitted: str | None
    changed: str | None
    open: int | None
    reason: str | None
    priority: str = "normal"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event in the story of a task."""

    time: str
    task: str
    event: str
    agent: str | None
    sentence: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """How a task ended and what came out."""

    task: str
    reference: str | None
    state: str
    type: str | None
    result: Any
    reason: str | None


@dataclass(frozen=True, slots=True)
class SentRow:
    """Where a message was written."""

    task: str
    topic: str
    reference: str | None
    priority: str


@dataclass(frozen=True, slots=True)
class DeadRow:
    """One dead letter."""

    id: str
    agent: str
    time: str
    reason: str
    task: str | None
    error: str | None
    attempts: int | None
    original: str  #: topic/partition/offset it was read from
    key: str | None
    value: Any
    headers: dict[str, str]
    group: str | None  #: the name that it shares with those that died alike
    settled: str | None  #: what became of it; null while it is open


@dataclass(frozen=True, slots=True)
class DeadGroupRow:
    """Open dead letters that died alike: of one agent, for one reason, at one step."""

    group: str
    agent: str
    reason: str
    step: str | None
    error: str | None  #: of the newest
    count: int
    first: str
    last: str
    example: str  #: the id of the newest


@dataclass(frozen=True, slots=True)
class SettledRow:
    """What became of a dead letter that was to be sent back or given up."""

    id: str
    agent: str
    task: str | None
    outcome: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ChaosRow:
    """One figure of a proof by faults."""

    what: str
    found: int
    out_of: int
    of: str  #: what `out_of` counts
    bound: float | None  #: what the true rate is below, at 95 % confidence; None: no bound
    sentence: str


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One error code with its sentence."""

    code: str
    exit_code: int
    sentence: str


Row = (
    VersionRow
    | SettingRow
    | CheckRow
    | ChaosRow
    | ProcessRow
    | AgentRow
    | LaneRow
    | TopicRow
    | PlanRow
    | RecordRow
    | TaskRow
    | EventRow
    | ResultRow
    | SentRow
    | DeadRow
    | DeadGroupRow
    | SettledRow
    | DoubtRow
    | RequestRow
    | RuleRow
    | ToolRow
    | PolicyRow
    | MemoryRow
    | MemoryChangeRow
    | MemoryDiffRow
    | MemoryListRow
    | MemorySpaceRow
    | MemoryReceiptRow
    | MemoryManifestRow
    | MemoryRefusedRow
    | RemoteToolRow
    | UndoRow
    | RunbookRow
)
