"""What the keeper has decided of one batch and not committed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from handrail.memory.shelf import Place
from handrail.runtime.keeper_telling import Heard
from handrail.runtime.single_writer_partition import OwnPlace
from handrail.wire.memory import AppliedMark
from handrail.wire.record import Outgoing


@dataclass
class Batch:
    """What is decided and not committed."""

    heard: Sequence[Heard] = ()
    state: dict[Place, Outgoing] = field(default_factory=dict[Place, Outgoing])
    of_subjects: list[Outgoing] = field(default_factory=list[Outgoing])
    rest: list[Outgoing] = field(default_factory=list[Outgoing])
    wanted: set[OwnPlace] = field(default_factory=set[OwnPlace])
    refused: Counter[str] = field(default_factory=Counter[str])
    order: list[Place | None] = field(default_factory=list[Place | None])
    mark: AppliedMark | None = None
    wrote: dict[str, int] = field(default_factory=dict[str, int])
    #: ^ space → the last command that wrote to its topic
    history: int = -1  #: the last command that wrote to the history
    expired_count: int = 0  #: records that it removes since their time is over
