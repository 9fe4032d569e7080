"""I8: what has one key and one priority is carried out in its order, one at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from handrail.chaos.checker.begun import ORDER, BegunBook
from handrail.chaos.checker.reading import Handed, Reading, Told, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import History
from handrail.ledger.event import Finished
from handrail.wire.record import TopicPartition

Mailbox = tuple[str, int, bytes]  #: inbox, partition, key; an inbox has one priority


def order_is_kept(history: History) -> Iterable[Violation]:
    """Of one key none ends before an earlier one has ended or rests, and none overlap in time."""
    here = reading(history)
    boxes = mailboxes(here)
    yield from _finished_out_of_order(here, boxes)
    yield from _overlapping(here, boxes)
    yield from begun_wrongly(history, ORDER)


def begun_wrongly(history: History, invariant: str) -> Iterator[Violation]:
    """Say what, by the journals, has run in the middle of another, or counted a part too late."""
    here = reading(history)
    waiting: dict[TopicPartition, list[Handed]] = defaultdict(list)
    for handed in here.handed:
        if handed.topic in here.inboxes:
            journal = here.journal_beside(handed.topic, handed.record.partition)
            waiting[journal].append(handed)
    for where, lines in here.journals.items():
        book = BegunBook()
        for handed in waiting[where]:
            book.wait(handed.id, handed.record.key)
        for line in lines:
            if not line.broken:
                for name, sentence in book.take(line.key, line.entry):
                    if name == invariant:
                        yield Violation(invariant, sentence, at(line.record))


def mailboxes(here: Reading) -> Mapping[Mailbox, Sequence[Handed]]:
    """Give the messages that wait for one another, in their order; those without a key do not."""
    found: dict[Mailbox, list[Handed]] = defaultdict(list)
    for handed in here.handed:
        key = handed.record.key
        if handed.topic in here.inboxes and key:
            found[handed.topic, handed.record.partition, key].append(handed)
    return {box: those for box, those in found.items() if len(those) > 1}


def _end_of(here: Reading, handed: Handed) -> tuple[Told, Finished] | None:
    """Give how a message was carried out; one that was sent back ran late, as it may."""
    if handed.id in here.redriven:
        return None
    place = (handed.topic, handed.record.partition, handed.record.offset)
    for told in here.ends.get(handed.id, ()):
        event = told.event
        if isinstance(event, Finished) and (event.topic, event.partition, event.offset) == place:
            return told, event
    return None


def _finished_out_of_order(
    here: Reading, boxes: Mapping[Mailbox, Sequence[Handed]]
) -> Iterator[Violation]:
    """By the lane's own word: whenever it says how far it has come, it is a prefix of each key."""
    for (inbox, partition, _), those in boxes.items():
        come = here.progress.get(here.journal_beside(inbox, partition), ())
        carried_out = [one for one in those if _end_of(here, one) is not None]
        waiting = list(pairwise(carried_out))
        for said in come:
            still: list[tuple[Handed, Handed]] = []
            for earlier, later in waiting:
                done = said.has_finished(later.record.offset)
                if done and not said.has_finished(earlier.record.offset):
                    sentence = f"{later.id} was finished before {earlier.id}, which has its key"
                    yield Violation("I8", sentence, at(earlier.record, said.line.record))
                elif not done:
                    still.append((earlier, later))
            waiting = still


def _overlapping(here: Reading, boxes: Mapping[Mailbox, Sequence[Handed]]) -> Iterator[Violation]:
    for those in boxes.values():
        ends = [end for end in (_end_of(here, one) for one in those) if end is not None]
        for (first, earlier), (second, later) in pairwise(ends):
            if later.started_ms < earlier.time_ms:
                sentence = (
                    f"{later.invocation} began {earlier.time_ms - later.started_ms} ms before"
                    f" {earlier.invocation} had ended, which has its key"
                )
                yield Violation("I8", sentence, at(first.record, second.record))
