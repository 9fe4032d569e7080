"""What one lane of a simulated schedule has written, folded up to some decision."""

from dataclasses import dataclass, field

from handrail.wire.record import TopicPartition
from tests.simulation.kafka import Written
from tests.simulation.late_book import LateBook


@dataclass(slots=True)
class LaneBook:
    """What one lane has written, folded up to some decision."""

    transactional_id: str
    inbox: TopicPartition
    live: dict[bytes, int] = field(default_factory=dict[bytes, int])  #: key → offset
    low: int = 0
    done: int = 0
    epoch: int = 0
    epoch_before: int = 0  #: before the transaction that is looked at
    producer_epoch: int = -1
    opened: dict[str, int] = field(default_factory=dict[str, int])  #: process → last EPOCH's order
    intents: dict[tuple[str, str], list[Written]] = field(
        default_factory=dict[tuple[str, str], list[Written]]
    )
    outcomes: dict[tuple[str, str], list[Written]] = field(
        default_factory=dict[tuple[str, str], list[Written]]
    )
    opener: str = ""  #: the process that has written up to where it reads, and no epoch yet
    epochs: list[Written] = field(default_factory=list[Written])
    late: LateBook = field(default_factory=LateBook)

    def is_finished(self, offset: int) -> bool:
        """Say whether the lane counts this offset as finished."""
        return offset < self.low or bool(self.done >> (offset - self.low) & 1)

    def last_opened(self, process: str, before: int) -> int:
        """Give when a process last opened the lane before a decision; -1 for never."""
        own = (one.order for one in self.epochs if one.process == process and one.order < before)
        return max(own, default=-1)
