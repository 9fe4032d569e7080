"""How one run of a handler can end, besides as a dead letter or by a cancel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from handrail.lane.invocation import Why
from handrail.lane.steps import Doubt
from handrail.ledger.event import Event
from handrail.models.port import ModelReply, Usage
from handrail.runtime.worker.outputs import Outputs
from handrail.wire.envelope import Envelope
from handrail.wire.record import Outgoing, Record


@dataclass(slots=True)
class Spent:
    """What the model calls of one invocation have used."""

    model_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_micros: int | None = 0  #: None: of one call nobody knows

    def add(self, reply: ModelReply) -> None:
        """Count a turn."""
        self.model_calls += 1
        self.usage = self.usage + reply.usage
        known = self.cost_micros is not None and reply.cost_micros is not None
        self.cost_micros = (self.cost_micros or 0) + (reply.cost_micros or 0) if known else None


@dataclass(frozen=True, slots=True)
class Ended:
    """An invocation that ended well, and what it leaves."""

    record: Record  #: what its dead letter would hold
    envelope: Envelope
    outputs: Outputs
    records: Sequence[Outgoing]
    spent: Spent
    written_ms: int  #: when the record that it was made of was written
    missing_count: int = 0
    commands: Sequence[Outgoing] = ()  #: to the keeper of memory, in the same transaction
    of_budget: str | None = None  #: what it has spent of it; the envelope has what is left


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An invocation that cannot go on, because nobody knows whether steps of it happened."""

    envelope: Envelope
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Suspended:
    """An invocation that rests: until `wake_ms`, or until what it waits for has come.

    `briefly` keeps its message in memory and its offset open. The rest is written in the same
    transaction: ledger events, records to others, and journal records that go.
    """

    envelope: Envelope
    why: Why
    wake_ms: int | None
    briefly: bool = False
    events: Sequence[Event] = ()
    removed: Sequence[bytes] = ()
    records: Sequence[Outgoing] = ()
