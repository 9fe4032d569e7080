"""What a lane decides, as values: the worker carries them out and reports what has committed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from handrail.lane.blocks import Block
from handrail.lane.bounds import LaneBounds
from handrail.lane.gather import Refusal
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What a lane knows of its agent."""

    agent_version: str
    inbox: str  #: the topic's name without namespace
    within_ms: int | None = None
    bounds: LaneBounds = field(default_factory=LaneBounds)
    owner: str = ""  #: this start of the process that owns it


@dataclass(frozen=True, slots=True)
class PartTaken:
    """A part counts: write `entry`; `invocation` is there when the gather may run now."""

    entry: Entry
    first: bool
    invocation: Invocation | None


@dataclass(frozen=True, slots=True)
class PartRefused:
    """A part does not count: it is a dead letter with this reason."""

    reason: Refusal
    sentence: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Invocations that rest from now on: write `entries`, then their offsets are finished."""

    entries: Sequence[Entry]
    offsets: Sequence[int]
    invocations: Sequence[Invocation]


@dataclass(frozen=True, slots=True)
class End:
    """What the end of an invocation leaves in the journal and in the offsets."""

    offsets: Sequence[int]
    removed: Sequence[bytes]
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Due:
    """What the passing of time asks for."""

    rest: Rest | None
    past_deadline: Sequence[Invocation]
    forgotten: Sequence[bytes]
    unblocked: Sequence[Block] = ()  #: dead ones that nobody can settle any more
