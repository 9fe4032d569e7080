"""What a view of memory shows, where its file lies, and whether it may be believed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from handrail.contract.memory_reader import PATIENCE_S
from handrail.memory.opening import Opener
from handrail.runtime.clock import Clock, WallClock
from handrail.wire.memory import HISTORY, space_topic

BARRIER_EVERY_S: Final = 30.0  #: how often the ends of the topics are asked for
SNAPSHOT_RECORDS_MIN: Final = 1_000  #: fewer are read from the topics as fast


class Freshness(StrEnum):
    """Whether a view may be believed."""

    LOADING = "loading"  #: replaying; reads wait
    CURRENT = "current"  #: everything written before the last barrier is visible
    BEHIND = "behind"  #: replay timed out; reads may miss facts, and say so


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """What a view shows, and where its file lies."""

    namespace: str
    spaces: Sequence[str]
    folder: Path | None = None  #: that of all views of the machine; None: one that vanishes
    opener: Opener | None = None  #: of sealed records, so that their words are found
    clock: Clock = field(default_factory=WallClock)
    saved_from: int = SNAPSHOT_RECORDS_MIN  #: so many new records are worth a snapshot
    patience_s: float = PATIENCE_S  #: how long a question waits for what it wants to be here
    looks_every_s: float = BARRIER_EVERY_S  #: for the ends of the topics, and new partitions
    opener_waits: bool = True  #: whether it may ask somebody who is far away

    @property
    def topics(self) -> list[str]:
        """The topics that are followed, as the broker names them."""
        return [f"{self.namespace}.{name}" for name in (*map(space_topic, self.spaces), HISTORY)]
