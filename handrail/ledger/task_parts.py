"""The pieces that the facts of a task are made of."""

from dataclasses import dataclass

from handrail.ledger.event import RequestKind


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submitter said about a record on the intake."""

    ce_id: str
    time_ms: int
    deadline_ms: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """A handoff that died, in words."""

    invocation: str
    agent: str
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a person is asked for."""

    id: str
    kind: RequestKind
    text: str
    agent: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Who asked that the task stop, and why."""

    by: str
    why: str
