"""What travels beside a message: who it belongs to, what caused it, how far it may go.

An envelope is a CloudEvents 1.0 context in Kafka's binary mode plus Handrail's own extension
attributes. Times are milliseconds since 1970 (UTC) in memory and RFC 3339 on the wire.
"""

from dataclasses import dataclass, replace

from handrail.wire.limits import HOP_COUNT_MAX, PARTS_COUNT_MAX

__all__ = ["HOP_COUNT_MAX", "PARTS_COUNT_MAX", "Envelope", "FanOutHeader"]


@dataclass(frozen=True, slots=True)
class FanOutHeader:
    """Membership of a message in one fan-out; nested fan-outs are listed innermost last."""

    gather: str  #: the exact topic (without namespace) on which the parts meet again
    fan_out: str  #: uuid of the fan-out
    part: int  #: 0-based number of this part
    parts: int  #: how many parts there are; 0 says that there are none


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one handoff. `None` or an empty value means: not set."""

    id: str
    type: str
    source: str
    time_ms: int
    task_id: str
    tenant: str
    reference: str | None = None  #: `ce_subject`, the caller's own name for the task
    causation_id: str | None = None
    hop: int = 0
    deadline_ms: int | None = None
    budget: str | None = None
    priority: str | None = None
    fan_outs: tuple[FanOutHeader, ...] = ()
    reply_to: str | None = None
    answers: str | None = None  #: `ce_for`, the id of the question that this answers
    chain: tuple[str, ...] = ()
    redrive_of: str | None = None
    memory_read: str | None = None
    label: str | None = None
    plan: str | None = None  #: what may still be done, and what trusted people have said
    asked_by: str | None = None  #: who submitted the task, as the submitter said
    trace_parent: str | None = None
    data_schema: str | None = None

    def but(self, **changes: object) -> "Envelope":
        """Give a copy with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # checked by the dataclass
