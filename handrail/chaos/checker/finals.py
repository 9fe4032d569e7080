"""I4 and I15: an end is there whole or not at all; nothing of an undone transaction was used."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from handrail.chaos.checker.reading import (
    ENDS,
    REMEMBERED,
    Handed,
    Reading,
    Told,
    ended_id,
    reading,
    was_forwarded,
)
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import Fate, History
from handrail.errors import WireError
from handrail.lane.journal import STEP_KINDS, Kind
from handrail.ledger.event import (
    Accepted,
    DeadLettered,
    Dropped,
    Finished,
    MarkerPassed,
    QuestionAsked,
    Rejected,
    Wrote,
)
from handrail.ledger.happened import AtLane
from handrail.wire.codec import decode_envelope, is_foreign
from handrail.wire.record import TopicPartition

WRITERS = (Finished, DeadLettered, MarkerPassed, Dropped, QuestionAsked)
ENDS_INVOCATION = (Finished, DeadLettered, Dropped)


# ---- I4


def an_end_is_whole(history: History) -> Iterable[Violation]:
    """Handoffs, ledger, journal and offset of an end are all there, or none of them is."""
    here = reading(history)
    yield from _what_was_said_is_there(here)
    yield from _what_is_there_was_said(here)
    yield from _offsets_agree(here)
    yield from _places_agree(here)
    yield from _nothing_is_left_of_the_ended(here)
    yield from _begun_without_a_word(here)
    yield from _what_the_group_was_told(here)


def _written(here: Reading) -> Iterator[tuple[Told, Wrote]]:
    for told in here.told:
        if isinstance(told.event, WRITERS):
            for wrote in told.event.wrote:
                yield told, wrote


def _what_was_said_is_there(here: Reading) -> Iterator[Violation]:
    for told, wrote in _written(here):
        if (wrote.topic, wrote.id) not in here.written:
            sentence = (
                f"the ledger says that {wrote.id} was written to {wrote.topic}; it is nowhere"
            )
            yield Violation("I4", sentence, at(told.record))


def _what_is_there_was_said(here: Reading) -> Iterator[Violation]:
    said = Counter(wrote.id for _, wrote in _written(here))
    for handed in here.handed:
        if not handed.is_submission and said[handed.id] != 1:
            sentence = (
                f"{handed.id} lies on {handed.topic}, and {said[handed.id]} ends say that they"
                " wrote it"
            )
            yield Violation("I4", sentence, at(handed.record))


def _offsets_agree(here: Reading) -> Iterator[Violation]:
    """A finished offset has an end or rests; an end's offset is finished."""
    resting: dict[TopicPartition, set[str]] = {}
    for where, live in here.live.items():
        resting[where] = {
            line.entry.invocation
            for line in live.values()
            if line.entry is not None and line.entry.kind is Kind.PARKED
        }
    for handed in here.handed:
        if handed.topic not in here.inboxes:
            continue
        where = here.journal_beside(handed.topic, handed.record.partition)
        come = here.progress.get(where, ())
        finished = bool(come) and come[-1].has_finished(handed.record.offset)
        ended = handed.id in here.ends or (handed.topic, *_place(handed)) in here.copies
        rests = handed.id in resting.get(where, ()) or was_forwarded(handed, here.by_id[handed.id])
        if finished and not ended and not rests:
            sentence = f"{handed.id} counts as finished, and nothing says how it ended"
            yield Violation("I4", sentence, at(handed.record))
        if not finished and _ended_here(here, handed):
            sentence = f"{handed.id} has ended, and its offset does not count as finished"
            yield Violation("I4", sentence, at(handed.record))


def _places_agree(here: Reading) -> Iterator[Violation]:
    """Where an end says that its record lay, that very record lies."""
    by_place = {(one.topic, *_place(one)): one for one in here.handed}
    for of, ends in here.ends.items():
        for told in ends:
            event = told.event
            assert isinstance(event, ENDS)
            handed = by_place.get((event.topic, event.partition, event.offset))
            if handed is not None and handed.id != of:
                sentence = f"{of} ended at a place where {handed.id} lies"
                yield Violation("I4", sentence, at(told.record, handed.record))


def _place(handed: Handed) -> tuple[int, int]:
    return handed.record.partition, handed.record.offset


def _ended_here(here: Reading, handed: Handed) -> bool:
    return any(
        isinstance(told.event, AtLane)
        and (told.event.topic, told.event.partition, told.event.offset)
        == (handed.topic, *_place(handed))
        for told in here.ends.get(handed.id, ())
    )


def _nothing_is_left_of_the_ended(here: Reading) -> Iterator[Violation]:
    over = {
        ended_id(told.event): told for told in here.told if isinstance(told.event, ENDS_INVOCATION)
    }
    for live in here.live.values():
        for line in live.values():
            entry = line.entry
            if entry is None or entry.kind in REMEMBERED:
                continue
            told = over.get(entry.invocation)
            if told is not None and entry.invocation not in here.redriven:
                what = f"step {entry.path}" if entry.kind in STEP_KINDS else "it"
                sentence = f"{entry.invocation} has ended, and {entry.kind} of {what} is still kept"
                yield Violation("I4", sentence, at(line.record, told.record))


def _begun_without_a_word(here: Reading) -> Iterator[Violation]:
    """A submission that was carried out was accepted before, in words."""
    accepted = {told.event.ce_id for told in here.told if isinstance(told.event, Accepted)}
    for handed in here.handed:
        if handed.is_submission and handed.topic in here.inboxes and handed.id not in accepted:
            for told in here.ends.get(handed.id, ()):
                if isinstance(told.event, Finished):
                    sentence = f"{handed.id} was carried out, and nobody said that it was accepted"
                    yield Violation("I4", sentence, at(told.record))


def _what_the_group_was_told(here: Reading) -> Iterator[Violation]:
    """What a group was told stands in the journal, word for word: both are one transaction."""
    prefix = f"{here.history.run.namespace}."
    for one in here.history.offsets:
        inbox = one.topic.removeprefix(prefix)
        if inbox not in here.inboxes:
            continue
        come = here.progress.get(here.journal_beside(inbox, one.partition), ())
        if not any((c.low, c.metadata.encode()) == (one.offset, one.metadata) for c in come):
            sentence = (
                f"group {one.group} holds offset {one.offset} of {one.topic}[{one.partition}],"
                " and no transaction of its lane says the same"
            )
            yield Violation("I4", sentence, (f"offsets at {one.time_ms} ms",))


# ---- I15


def nothing_undone_was_used(history: History) -> Iterable[Violation]:
    """Nothing of an aborted transaction was carried out, kept, or taken as a cause."""
    here = reading(history)
    undone = _undone(here)
    for told in here.told:
        event = told.event
        if isinstance(event, AtLane) and event.offset >= 0:
            place = (TopicPartition(history.full(event.topic), event.partition), event.offset)
            if place in undone:
                sentence = f"{event.agent} has ended a record of an undone transaction"
                yield Violation("I15", sentence, at(told.record))
    for line, entry in here.entries(Kind.PARKED, Kind.GATHERED):
        held = entry.snapshot
        if held is not None and (held.where, held.offset) in undone:
            sentence = f"{line.agent} keeps a record of an undone transaction"
            yield Violation("I15", sentence, at(line.record))
    ids = {id_ for id_ in undone.values() if id_ and id_ not in here.by_id}
    for handed in here.handed:
        cause = handed.envelope.causation_id if handed.envelope is not None else None
        if cause in ids:
            sentence = f"{handed.id} follows from {cause}, which was never committed"
            yield Violation("I15", sentence, at(handed.record))


def _undone(here: Reading) -> Mapping[tuple[TopicPartition, int], str]:
    """Give where records of aborted transactions stand, and the ids of those that had one."""
    found: dict[tuple[TopicPartition, int], str] = defaultdict(str)
    for where, log in here.history.records.items():
        for seen in log:
            if seen.fate is Fate.ABORTED:
                record = seen.record
                try:
                    id_ = "" if is_foreign(record) else decode_envelope(record).id
                except WireError:
                    id_ = ""
                found[where, record.offset] = id_
    return found


def ended_well_or_badly(history: History) -> int:
    """Count the ends whose wholeness was looked at."""
    return sum(isinstance(told.event, (*ENDS, Rejected)) for told in reading(history).told)
