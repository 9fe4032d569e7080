"""I13: no open transaction keeps committed readers waiting for long.

Where no fault explains a stall, only time in which the recorder itself looked when it should
counts: a machine on which even that comes late is slow for everybody.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from handrail.chaos.checker.violation import Violation
from handrail.chaos.history import History, Watermark
from handrail.wire.record import TopicPartition

WITHOUT_CAUSE_S = 10.0  #: a fault this long before a stall may still be its cause
TIMELY_MS_MAX = 750  #: between two looks, which are 500 ms apart when nothing delays them
SAMPLES_APART_MS_MAX = 5_000  #: a longer gap between samples says that the broker was away


@dataclass(frozen=True, slots=True)
class Stall:
    """A stretch of time in which a partition's stable end did not move though there was more."""

    where: TopicPartition
    from_ms: int
    to_ms: int
    stable: int
    timely_ms: int  #: of it, as far as the looks came when they should

    @property
    def seconds(self) -> float:
        """How long it lasted at least."""
        return (self.to_ms - self.from_ms) / 1000


def readers_are_never_stalled_for_long(history: History) -> Iterable[Violation]:
    """At most 20 s, and at most 2 s where no fault had taken the writer away."""
    bounds = history.run.bounds
    for stall in stalls(history):
        struck = any(
            stall.from_ms - WITHOUT_CAUSE_S * 1000 <= fault.time_ms <= stall.to_ms
            for fault in history.faults
        )
        limit = bounds.stall_s if struck else bounds.stall_with_successor_s
        lasted_s = stall.seconds if struck else stall.timely_ms / 1000
        if lasted_s > limit:
            where = f"{stall.where.topic}[{stall.where.partition}]"
            sentence = f"{where} was held up for {lasted_s:.1f} s, {limit:g} s may be"
            yield Violation("I13", sentence, (f"{where}@{stall.stable}",))


def stalls(history: History) -> Iterator[Stall]:
    """Give every stretch of samples in which an undecided record held the stable end."""
    samples: dict[TopicPartition, list[Watermark]] = defaultdict(list)
    for mark in history.watermarks:
        samples[TopicPartition(mark.topic, mark.partition)].append(mark)
    for where, marks in samples.items():
        yield from _of_partition(where, sorted(marks, key=lambda mark: mark.time_ms))


def _of_partition(where: TopicPartition, marks: Sequence[Watermark]) -> Iterator[Stall]:
    first: Watermark | None = None
    last: Watermark | None = None
    timely_ms = 0
    for mark in marks:
        held = mark.stable < mark.end
        goes_on = (
            first is not None
            and last is not None
            and held
            and mark.stable == first.stable
            and mark.time_ms - last.time_ms <= SAMPLES_APART_MS_MAX
        )
        if goes_on and last is not None:
            timely_ms += min(mark.time_ms - last.time_ms, TIMELY_MS_MAX)
        if not goes_on:
            if first is not None and last is not None:
                yield Stall(where, first.time_ms, last.time_ms, first.stable, timely_ms)
            first, timely_ms = mark if held else None, 0
        last = mark if held else None
    if first is not None and last is not None:
        yield Stall(where, first.time_ms, last.time_ms, first.stable, timely_ms)
