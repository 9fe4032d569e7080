"""The order in which handoffs of one key and one priority have ended."""

from collections.abc import Iterator, Mapping

from handrail.ledger.event import DeadLettered, Dropped, Event, Rejected
from handrail.wire.dead_letter import Reason
from handrail.wire.record import TopicPartition

Waiting = Mapping[int, tuple[str, bytes]]  #: offset → id and key of what lies on an inbox


def out_of_order(
    inboxes: Mapping[TopicPartition, Waiting], ended_at: Mapping[str, int]
) -> Iterator[str]:
    """Say what has ended before an earlier one of its key; an inbox has one priority."""
    for where, waiting in inboxes.items():
        last: dict[bytes, tuple[int, int]] = {}
        seen: set[str] = set()
        for offset, (id_, key) in sorted(waiting.items()):
            ended = ended_at.get(id_)
            if ended is None or id_ in seen:
                continue  # what comes once more has the place of the first
            seen.add(id_)
            before = last.get(key)
            if before is not None and before[1] > ended:
                yield f"{where.topic}@{offset} ended before @{before[0]} of the same key {key!r}"
            last[key] = (offset, ended)


def waits_for_no_turn(event: Event) -> bool:
    """Say whether an end comes at once, whatever stands before it: a cancel's and a deadline's."""
    if isinstance(event, DeadLettered | Rejected):
        return event.reason == Reason.DEADLINE
    return isinstance(event, Dropped)
