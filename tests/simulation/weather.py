"""What all connections of a schedule share: chance, and the faults of commits to come."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from handrail.lane.retry import Tries
from handrail.wire.record import Outgoing

HOP_S_MEAN = 0.001


class CommitFault(StrEnum):
    """What befalls one commit."""

    WRITES_LOST = "its records never arrive"
    WRITES_REPLY_LOST = "its records arrive and the reply is lost"
    DECISION_LOST = "its decision never arrives"
    DECISION_REPLY_LOST = "its decision arrives and the reply is lost"
    DECISION_LATE = "its decision arrives late"


@dataclass(slots=True)
class Weather:
    """What befalls the requests of all processes."""

    rng: Random
    faults: dict[int, CommitFault] = field(default_factory=dict[int, CommitFault])
    of_outcome: CommitFault | None = None  #: befalls the first commit of an outcome
    on_outcome: Callable[[], None] = lambda: None  #: called when that has befallen it
    commits_count: int = 0
    tell: Callable[[str, str], None] = lambda _what, _who: None
    befell: Counter[str] = field(default_factory=Counter[str])  #: how often each fault was met

    def hop_s(self) -> float:
        """How long something is on its way."""
        return self.rng.expovariate(1 / HOP_S_MEAN)

    def jitter(self, tries: Tries) -> float:
        """How much of its bound is waited before a try that follows; see `place.full_jitter`."""
        del tries
        return self.rng.random()

    def next_commit(self, records: Sequence[Outgoing]) -> CommitFault | None:
        """Count a commit and say what befalls it."""
        self.commits_count += 1
        if self.of_outcome is not None and any(map(_is_outcome, records)):
            fault, self.of_outcome = self.of_outcome, None
            self.befell["an outcome is lost"] += 1
            self.on_outcome()
            return fault
        return self.faults.pop(self.commits_count, None)


def _is_outcome(record: Outgoing) -> bool:
    return record.value is not None and b"/outcome/" in (record.key or b"")
