"""I14: what a lane must not forget can be read from where it says that its journal begins."""

from collections.abc import Iterable, Iterator, Sequence

from handrail.chaos.checker.reading import Line, Reading, concerns_lane, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import History
from handrail.errors import WireError
from handrail.lane.journal import Entry, Kind, journaled_offset
from handrail.wire.late_outcome import LateOutcome
from handrail.wire.record import Record

#: What the record of each kind says; one that says something else was written under a wrong key.
SAYS = {
    Kind.INTENT: ("effect", "idem_key", "attempt"),
    Kind.OUTCOME: ("ok",),
    Kind.IN_DOUBT: ("because",),
    Kind.PROGRESS: ("low", "metadata"),
    Kind.GATHERED: ("fan_out", "end", "parts"),
    Kind.GATHER_CLOSED: ("fan_out", "until_ms"),
    Kind.PARKED: ("mailbox",),
}


def nothing_live_is_left_behind(history: History) -> Iterable[Violation]:
    """Live records from the pointer are those from the beginning, each under its own key."""
    here = reading(history)
    yield from _unreadable(here)
    for lines in here.journals.values():
        yield from _pointer_past_live(lines)
        yield from _removed_unwritten(here, lines)
    yield from _answers_unsettled(here)
    for handed in here.handed:
        if handed.envelope is not None and handed.envelope.answers and handed.topic in here.inboxes:
            sentence = f"answer {handed.id} waits in a mailbox, behind what waits for it"
            yield Violation("I14", sentence, at(handed.record))


def _unreadable(here: Reading) -> Iterator[Violation]:
    for line in here.lines():
        if line.broken:
            yield Violation("I14", f"it cannot be read: {line.broken}", at(line.record))
        elif line.entry is not None:
            lacks = [one for one in SAYS.get(line.entry.kind, ()) if one not in line.entry.facts]
            if lacks:
                sentence = f"a record under the key of {line.entry.kind} says no {lacks[0]}"
                yield Violation("I14", sentence, at(line.record))


def _pointer_past_live(lines: Sequence[Line]) -> Iterator[Violation]:
    """Each time a lane says where its journal begins, nothing that is live lies before."""
    live: dict[bytes, int] = {}  # in the order of the offsets, as a record that comes again is last
    records: dict[int, Line] = {}
    told: set[int] = set()
    for line in lines:
        live.pop(line.key, None)
        if line.record.value is not None and not concerns_lane(line.key):
            live[line.key] = line.record.offset
            records[line.record.offset] = line
        if line.entry is None or line.entry.kind is not Kind.PROGRESS:
            continue
        oldest = next(iter(live.values()), None)
        pointer = _pointer(line.entry)
        if oldest is not None and oldest < pointer and oldest not in told:
            told.add(oldest)
            lost = records[oldest]
            sentence = (
                f"{line.agent} says that its journal begins at {pointer}, and {_text(lost.key)}"
                f" is live at {oldest}"
            )
            yield Violation("I14", sentence, at(lost.record, line.record))


def _is_release(key: bytes) -> bool:
    """Whether it is a RELEASED, which is removed for good measure.

    A process knows of acts in its own hands that it never had to write down, and of those whose
    writing was cut off.
    """
    return key.split(b"/")[-2:-1] == [Kind.RELEASED.encode()]


def _removed_unwritten(here: Reading, lines: Sequence[Line]) -> Iterator[Violation]:
    """What a lane removes from its journal, it had written there."""
    where = lines[0].record.where
    marks = [one for one in here.history.watermarks if (one.topic, one.partition) == where]
    if marks and marks[0].begin > 0:
        return  # its beginning was gone before anybody looked
    written: set[bytes] = set()
    for line in lines:
        if line.record.value is not None:
            written.add(line.key)
        elif line.key not in written and not (concerns_lane(line.key) or _is_release(line.key)):
            sentence = f"{line.agent} removes {_text(line.key)}, which was never written"
            yield Violation("I14", sentence, at(line.record))


def _pointer(entry: Entry) -> int:
    return journaled_offset(entry)[1].journal


def _answers_unsettled(here: Reading) -> Iterator[Violation]:
    """The mark below which every answer is settled never passes one that is still waited for."""
    for where, come in here.progress.items():
        agent = where.topic.removesuffix(".journal")
        answers = [
            seen.record
            for place in here.history.partitions(
                f"{agent}.answers".removeprefix(f"{here.history.run.namespace}.")
            )
            if place.partition == where.partition
            for seen in here.history.records[place]
            if seen.fate == "committed"
        ]
        last = come[-1]
        for record in answers:
            if record.offset >= last.metadata.answers:
                continue
            request = (record.header("ce_for") or b"").decode(errors="replace")
            waits = [
                line
                for line in here.live.get(where, {}).values()
                if line.entry is not None
                and line.entry.kind is Kind.IN_DOUBT
                and _request_of(here, line.entry) == request
                and not _is_of_another(here, record, line.entry)
            ]
            if waits:
                sentence = f"an answer to {request} counts as settled, and it is still waited for"
                yield Violation("I14", sentence, at(record, waits[0].record, last.line.record))


def _is_of_another(here: Reading, record: Record, doubt: Entry) -> bool:
    """Whether an answer says of an attempt that it was not begun, and means another owner's.

    Whose licence was never committed has a number that the next owner gives to its own attempt.
    """
    try:
        began_in = LateOutcome.from_record(record).begun_in
    except WireError:
        return False
    licences = [
        e for _, e in here.steps.get((doubt.invocation, doubt.path), ()) if e.kind is Kind.INTENT
    ]
    return began_in is not None and bool(licences) and began_in < licences[-1].epoch


def _request_of(here: Reading, doubt: Entry) -> str:
    intents = [
        e
        for _, e in here.steps.get((doubt.invocation, doubt.path), ())
        if e.kind is Kind.INTENT and "void" not in e.facts
    ]
    attempt = intents[-1].facts.get("attempt") if intents else None
    return f"{doubt.invocation}/{doubt.path}/{attempt}"


def _text(key: bytes) -> str:
    return key.decode(errors="replace")
