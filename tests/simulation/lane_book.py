"""What one lane of a simulated schedule has written, folded up to some decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from handrail.bus.in_process_log import Entry as LogEntry
from handrail.chaos.checker.begun import BegunBook
from handrail.wire.record import Record, TopicPartition
from tests.simulation.kafka import Init, Written
from tests.simulation.late_book import LateBook

INITS_MAX = 60  #: of one lane; more is two owners who fence each other


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
    begun: BegunBook = field(default_factory=BegunBook)

    def is_finished(self, offset: int) -> bool:
        """Say whether the lane counts this offset as finished."""
        return offset < self.low or bool(self.done >> (offset - self.low) & 1)

    def last_opened(self, process: str, before: int) -> int:
        """Give when a process last opened the lane before a decision; -1 for never."""
        own = (one.order for one in self.epochs if one.process == process and one.order < before)
        return max(own, default=-1)

    def fenced_wrongly(self, inits: Sequence[Init]) -> Iterator[str]:
        """Say who opened it without having been given it by the group when it fenced another."""
        of_lane = [one for one in inits if one.transactional_id == self.transactional_id]
        if len(of_lane) > INITS_MAX:
            yield f"{self.transactional_id} was taken {len(of_lane)} times"
        for written in self.epochs:
            own = [
                one
                for one in inits[: written.inits_before]
                if one.transactional_id == self.transactional_id and one.process == written.process
            ]
            if own and not own[-1].owned:
                yield f"{written.process} opened {self.inbox}, which it had not been given"


def record_at(where: TopicPartition, entry: LogEntry) -> Record:
    """Give what stands in a log as whoever reads it gets it."""
    return Record(
        where.topic,
        where.partition,
        entry.offset,
        entry.timestamp_ms,
        entry.key,
        entry.value,
        entry.headers,
    )
