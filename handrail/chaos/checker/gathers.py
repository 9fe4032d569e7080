"""I19: every gather closes, and each part of a fan-out counts once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from handrail.chaos.checker.begun import GATHERS
from handrail.chaos.checker.order import begun_wrongly
from handrail.chaos.checker.reading import Reading, Told, reading
from handrail.chaos.checker.tasks import WAITS_FOR_PERSON, states
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import History
from handrail.lane.journal import Kind
from handrail.ledger.event import DeadLettered, Dropped, Finished, PartGathered, PartKind
from handrail.ledger.task_state import TaskState
from handrail.wire.ids import gather_invocation_id


def every_gather_closes(history: History) -> Iterable[Violation]:
    """Each fan-out that has parts is gathered once, and its parts are those that were counted."""
    here = reading(history)
    parts = parts_by_fan_out(here)
    for fan_out, counted in parts.items():
        yield from _parts_of(fan_out, counted)
        yield from _closing_of(here, fan_out, counted)
    yield from _never_begun(here, parts)
    yield from begun_wrongly(history, GATHERS)


@lru_cache(maxsize=4)
def remembered(history: History) -> frozenset[str]:
    """Give the gathers that a journal has said to be closed."""
    return frozenset(e.invocation for _, e in reading(history).entries(Kind.GATHER_CLOSED))


def parts_by_fan_out(here: Reading) -> Mapping[str, Sequence[tuple[Told, PartGathered]]]:
    """Give the parts that were counted, by fan-out."""
    found: dict[str, list[tuple[Told, PartGathered]]] = defaultdict(list)
    for told in here.told:
        if isinstance(told.event, PartGathered):
            found[told.event.fan_out].append((told, told.event))
    return found


def _parts_of(fan_out: str, counted: Sequence[tuple[Told, PartGathered]]) -> Iterator[Violation]:
    seen: dict[int, Told] = {}
    for told, event in counted:
        if event.part in seen:
            sentence = f"part {event.part} of fan-out {fan_out} was counted twice"
            place = at(seen[event.part].record, told.record)
            yield Violation("I19", sentence, place, Harm.DOUBLED)
        seen[event.part] = told
        if event.what is not PartKind.NONE and not 0 <= event.part < event.parts:
            sentence = f"part {event.part} of fan-out {fan_out} is none of its {event.parts}"
            yield Violation("I19", sentence, at(told.record))
    if len({event.parts for _, event in counted}) > 1:
        yield Violation("I19", f"fan-out {fan_out} has no one number of parts")
    if sum(event.first for _, event in counted) != 1:
        sentence = f"the gather of fan-out {fan_out} was opened other than once"
        yield Violation("I19", sentence, at(*(told.record for told, _ in counted)))


def _closing_of(
    here: Reading, fan_out: str, counted: Sequence[tuple[Told, PartGathered]]
) -> Iterator[Violation]:
    gather = gather_invocation_id(fan_out)
    closed = [
        told
        for told in here.ends.get(gather, ())
        if isinstance(told.event, Finished | DeadLettered | Dropped)
    ]
    if len(closed) > 1 + len(here.redriven.get(gather, ())):
        sentence = f"fan-out {fan_out} was gathered {len(closed)} times"
        place = at(*(told.record for told in closed))
        yield Violation("I19", sentence, place, Harm.DOUBLED)
    if not closed:
        yield from _not_closed(here, fan_out, counted)
        return
    event = closed[0].event
    if gather not in remembered(here.history):
        sentence = f"fan-out {fan_out} was gathered, and its lane would not know a late part"
        yield Violation("I19", sentence, at(closed[0].record))
    if isinstance(event, Finished):
        brought = sum(one.what is PartKind.MESSAGE for _, one in counted)
        parts = counted[0][1].parts
        if event.missing != parts - brought:
            sentence = (
                f"fan-out {fan_out} was gathered with {event.missing} of {parts} parts missing,"
                f" and {brought} had come"
            )
            yield Violation("I19", sentence, at(closed[0].record))


def _not_closed(
    here: Reading, fan_out: str, counted: Sequence[tuple[Told, PartGathered]]
) -> Iterator[Violation]:
    """A gather that is open at the end waits for parts of a task that itself waits."""
    if not here.history.run.settled:
        return
    event = counted[0][1]
    facts = states(here.history).get(event.task_id)
    if facts is not None and facts.state in (*WAITS_FOR_PERSON, TaskState.CANCELED):
        return
    come, parts = len({one.part for _, one in counted}), event.parts
    sentence = f"fan-out {fan_out} was never gathered, and {come} of {parts} parts had come"
    yield Violation("I19", sentence, at(*(told.record for told, _ in counted)))


def _never_begun(
    here: Reading, parts: Mapping[str, Sequence[tuple[Told, PartGathered]]]
) -> Iterator[Violation]:
    """A fan-out whose messages are on their way has been heard of by its gather, in the end."""
    if not here.history.run.settled:
        return
    known = states(here.history)
    missing: set[str] = set()
    for handed in here.handed:
        envelope = handed.envelope
        for header in envelope.fan_outs if envelope is not None else ():
            if header.fan_out in parts or header.fan_out in missing or envelope is None:
                continue
            facts = known.get(envelope.task_id)
            if facts is None or facts.state not in (*WAITS_FOR_PERSON, TaskState.CANCELED):
                missing.add(header.fan_out)
                sentence = f"no part of fan-out {header.fan_out} ever reached its gather"
                yield Violation("I19", sentence, at(handed.record))
