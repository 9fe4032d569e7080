"""The value that a run is judged by: all that its topics, its provider and its faults left.

A history is a folder, so that a check can be repeated anywhere and at any time:

| file | a line is | written by |
|---|---|---|
| `run.json` | one `Run`: the team, the bounds, the times (not lines, one object) | whoever ran it |
| `committed.jsonl` | one record as `read_committed` gave it | the recorder |
| `uncommitted.jsonl` | one record as `read_uncommitted` gave it | the recorder |
| `watermarks.jsonl` | one `Watermark`: where a partition began, was stable, ended | the recorder |
| `offsets.jsonl` | one `GroupOffset` with its metadata, as of a time | the recorder |
| `effects.jsonl` | one `Effect`: what the provider outside saw of a call | the provider |
| `faults.jsonl` | one `Fault`: when it began or ended | the nemesis |
| `submissions.jsonl` | one `Submission` that was acknowledged to its submitter | the loader |
| `replicas.jsonl` | one `Replica`: what one process held of memory in the end | whoever ran it |
| `reruns.jsonl` | one `Rerun`: what a handler gave when it ran again offline | `rerun` |

Every line is one JSON object with the fields of its class below. Fields that are not known stay
away; a field that nobody knows is ignored. Bytes are base64. Times are milliseconds since 1970
(UTC) of one machine. A last line that was cut off while it was written is left out, any other line
that cannot be read raises HistoryBroken. Only `run.json` has to be there. Who writes lines flushes
each to the disk before it goes on, so that a kill takes away no evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.wire.record import Record, TopicPartition

FORMAT = 1  #: of the folder; a reader refuses another one

STALL_S_MAX = 20.0  #: how long a committed reader may be held up by an open transaction
STALL_WITH_SUCCESSOR_S_MAX = 2.0  #: the same, while the lane has a successor that is alive
LICENCE_S_MAX = 2.0  #: how long after its commit an intent licenses its act
DOUBT_S_MAX = 10.0  #: from a take-over until a person is asked about what it left in doubt
SETTLE_S = 60.0  #: after the last fault; then nothing hangs


class Fate(StrEnum):
    """What became of a record."""

    COMMITTED = "committed"
    ABORTED = "aborted"  #: seen by uncommitted readers only, below the last stable offset
    OPEN = "open"  #: seen by uncommitted readers only, and not decided when the run ended


class Happening(StrEnum):
    """What a provider saw of one call, in this order; a call may stop after any of them."""

    BEGUN = "begun"  #: the request arrived
    EFFECTED = "effected"  #: it has had its effect, once more
    REPEATED = "repeated"  #: its key was known: no effect, the first answer is given again
    ANSWERED = "answered"  #: the answer was sent
    DROPPED = "dropped"  #: the connection was cut, or the call was left hanging, without an answer
    REFUSED = "refused"  #: it said no (429, 500) and nothing was effected
    ASKED = "asked"  #: a reconciliation asked whether this key is known


class Phase(StrEnum):
    """Whether a line of the nemesis begins a fault or ends it."""

    BEGUN = "begun"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Seen:
    """One record, what became of it, and when a tailing reader first saw it."""

    record: Record
    fate: Fate = Fate.COMMITTED
    seen_ms: int | None = None

    @property
    def where(self) -> str:
        """Topic[partition]@offset, as evidence is cited."""
        one = self.record
        return f"{one.topic}[{one.partition}]@{one.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Where a partition stood at a time."""

    time_ms: int
    topic: str  #: full name, namespace included
    partition: int
    begin: int
    stable: int  #: the last stable offset: everything below it is decided
    end: int  #: the high watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOffset:
    """A group's committed offset on one partition at a time; the last line of each counts."""

    time_ms: int
    group: str
    topic: str  #: full name, namespace included
    partition: int
    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the provider saw. `key` joins it to the journal; the rest is what its caller told it."""

    time_ms: int
    asked_ms: int | None = None  #: when its caller began to ask, who may have given up since
    key: str  #: the idempotency key of the step
    tool: str
    happened: Happening
    effect: str = ""  #: effect class as declared: pure, read, paid, idempotent, queryable, unsafe
    task: str = ""
    invocation: str = ""
    step: str = ""  #: the path of the step
    attempt: int | None = None
    process: str = ""
    epoch: int | None = None  #: of the lane that called
    tokens: int = 0  #: of a paid call: what it would be billed for
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One line of the nemesis."""

    time_ms: int
    fault: str  #: kill, freeze, broker, rebalance, endtxn, cutoff, provider
    target: str  #: name of the process, `broker`, or the way in which the provider fails
    phase: Phase = Phase.BEGUN


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One submission that the broker has acknowledged; from then on it may not be lost."""

    time_ms: int
    task: str  #: the task's id; for a foreign record, derived from where it was first written
    topic: str  #: the intake, without the namespace
    ce_id: str = ""  #: of the record; empty for a foreign one
    partition: int = -1
    offset: int = -1
    reference: str | None = None
    kind: str = ""  #: the loader's word for the tasks of this shape
    parts: int = 0  #: how many parts its fan-outs have in all, as the loader planned them
    results: int | None = None  #: how many results it has when nothing dies; None: not planned
    may_die: bool = False  #: poison: a dead letter is the end that was planned
    waits_for_person: bool = False  #: the end that was planned is a request to a person
    dies: bool = (
        False  #: once, and is sent back then: a dead letter is not the end that was planned
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a handler gave when it ran again offline, on the outcomes that were journaled."""

    invocation: str
    run: int = 0
    wrote: tuple[tuple[str, str, str], ...] = ()  #: (topic, id, SHA-256 of the body), in order
    asked: tuple[str, ...] = ()  #: paths of steps that it wanted and that had no outcome
    error: str = ""  #: it raised this instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What the file of one process held of memory, and how far it had read."""

    file: str
    read: tuple[tuple[str, int, int], ...] = ()  #: (full topic, partition, next offset)
    rows: tuple[tuple[str, str, str], ...] = ()  #: (space, full key, SHA-256 of the record)
    #: (space, full key, offset, SHA-256 of the record); None: they were not taken down
    versions: tuple[tuple[str, str, int, str], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """What the checker has to know of an agent."""

    name: str
    inboxes: tuple[str, ...]  #: without the namespace; the priority's second inbox included
    effects: Mapping[str, str] = field(default_factory=dict[str, str])  #: tool → effect class
    #: Space and key of a number to which each finished invocation adds one; empty for none.
    counter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What nothing may exceed."""

    hops: int = 16
    fan_out: int = 16
    spend_micros: int | None = None  #: of each task; None: not bounded
    stall_s: float = STALL_S_MAX
    stall_with_successor_s: float = STALL_WITH_SUCCESSOR_S_MAX
    licence_s: float = LICENCE_S_MAX
    settle_s: float = SETTLE_S
    doubt_s: float = DOUBT_S_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The head of a history."""

    namespace: str
    started_ms: int
    ended_ms: int
    agents: tuple[AgentFacts, ...] = ()
    intake: str = ""  #: without the namespace
    last_fault_ms: int | None = None  #: when the last fault had ended
    settled: bool = False  #: whether the team was given its time after the last fault
    bounds: Bounds = field(default_factory=Bounds)
    seed: int | None = None
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class History:
    """Everything that a run left behind. Records are in the order of their offsets."""

    run: Run
    records: Mapping[TopicPartition, Sequence[Seen]]  #: by full names; aborted ones too
    watermarks: Sequence[Watermark] = ()
    offsets: Sequence[GroupOffset] = ()
    effects: Sequence[Effect] = ()
    faults: Sequence[Fault] = ()
    submissions: Sequence[Submission] = ()
    reruns: Sequence[Rerun] = ()
    replicas: Sequence[Replica] = ()

    def topics(self) -> Sequence[str]:
        """Give the names of all topics that have records, without the namespace, in order."""
        prefix = f"{self.run.namespace}."
        return sorted({where.topic.removeprefix(prefix) for where in self.records})

    def full(self, topic: str) -> str:
        """Name a topic as the broker does."""
        return f"{self.run.namespace}.{topic}"

    def partitions(self, topic: str) -> Sequence[TopicPartition]:
        """Give the partitions of a topic (named without namespace) that have records, in order."""
        full = self.full(topic)
        return sorted(where for where in self.records if where.topic == full)

    def committed(self, topic: str) -> Sequence[Record]:
        """Give the committed records of a topic, partition by partition, in order."""
        return [
            seen.record
            for where in self.partitions(topic)
            for seen in self.records[where]
            if seen.fate is Fate.COMMITTED
        ]

    def undone(self, topic: str) -> Sequence[Seen]:
        """Give what of a topic was written and never committed."""
        return [
            seen
            for where in self.partitions(topic)
            for seen in self.records[where]
            if seen.fate is not Fate.COMMITTED
        ]
