"""Changes to a recorded history, each as small as a bug could make it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from handrail.chaos.checker.reading import Line, Told, reading
from handrail.chaos.history import Fate, History, Seen
from handrail.lane.journal import FACTS_HEADER, Kind, journaled_offset
from handrail.lane.progress import OffsetMetadata
from handrail.ledger.event import Event
from handrail.ledger.event_record import encode
from handrail.wire.record import Record, TopicPartition

Which = Callable[[Record], bool]


def edited(history: History, edit: Callable[[Seen], Seen | None]) -> History:
    """Change or drop records: `edit` gives what each becomes."""
    records = {
        where: [after for after in map(edit, log) if after is not None]
        for where, log in history.records.items()
    }
    return replace(history, records=records)


def without(history: History, *gone: Record) -> History:
    """Drop records."""
    places = {(one.where, one.offset) for one in gone}
    return edited(
        history,
        lambda seen: None if (seen.record.where, seen.record.offset) in places else seen,
    )


def changed(history: History, old: Record, **fields: Any) -> History:
    """Change one record."""
    place = (old.where, old.offset)
    return edited(
        history,
        lambda seen: (
            replace(seen, record=replace(seen.record, **fields))
            if (seen.record.where, seen.record.offset) == place
            else seen
        ),
    )


def added(history: History, record: Record) -> History:
    """Write one more record at the end of its partition."""
    log = history.records.get(record.where, ())
    offset = max((one.record.offset for one in log), default=-1) + 2
    more = [*log, Seen(replace(record, offset=offset))]
    return replace(history, records={**history.records, record.where: more})


def swapped(history: History, one: Record, other: Record) -> History:
    """Let two records of a partition change places."""
    places = {one.offset: other.offset, other.offset: one.offset}

    def edit(seen: Seen) -> Seen:
        record = seen.record
        if record.where != one.where or record.offset not in places:
            return seen
        return replace(seen, record=replace(record, offset=places[record.offset]))

    after = edited(history, edit)
    log = sorted(after.records[one.where], key=lambda seen: seen.record.offset)
    return replace(after, records={**after.records, one.where: log})


def undone(history: History, record: Record) -> History:
    """Let the transaction of a record have been aborted."""
    place = (record.where, record.offset)
    return edited(
        history,
        lambda seen: (
            replace(seen, fate=Fate.ABORTED)
            if (seen.record.where, seen.record.offset) == place
            else seen
        ),
    )


def headed(record: Record, name: str, value: bytes | None) -> tuple[tuple[str, bytes], ...]:
    """Give the headers with one of them changed, or gone."""
    kept = tuple(pair for pair in record.headers if pair[0] != name)
    return kept if value is None else (*kept, (name, value))


# ---- journals


def lines(history: History, kind: Kind, **facts: object) -> Sequence[Line]:
    """Give the journal records of a kind that say these facts."""
    return [
        line
        for line, entry in reading(history).entries(kind)
        if all(str(entry.facts.get(name)) == str(value) for name, value in facts.items())
    ]


def with_facts(history: History, line: Line, **facts: object) -> History:
    """Let a journal record say other facts; one that is None is said no more."""
    said = orjson.loads(line.record.header(FACTS_HEADER) or b"{}") | facts
    said = {name: value for name, value in said.items() if value is not None}
    headers = headed(line.record, FACTS_HEADER, orjson.dumps(said))
    return changed(history, line.record, headers=headers)


def with_progress(history: History, line: Line, **fields: int) -> History:
    """Let a lane have said that it had come to another place, and its group as well."""
    assert line.entry is not None
    low, metadata = journaled_offset(line.entry)
    after: OffsetMetadata = replace(
        metadata, **{name: value for name, value in fields.items() if name != "low"}
    )
    new_low = fields.get("low", low)
    told = [
        replace(one, offset=new_low, metadata=after.encode())
        if (one.offset, one.metadata) == (low, metadata.encode())
        and one.partition == line.record.partition
        and one.group.endswith(f".{line.agent}")
        else one
        for one in history.offsets
    ]
    changed_ = with_facts(history, line, low=new_low, metadata=after.encode())
    return replace(changed_, offsets=told)


def last_progress(history: History, where: TopicPartition) -> Line:
    """Give the last word of a lane on how far it has come."""
    return reading(history).progress[where][-1].line


# ---- the ledger


def told(history: History, cls: type[Event], which: Callable[[Any], bool] = bool) -> Sequence[Told]:
    """Give the events of a class."""
    return [one for one in reading(history).told if isinstance(one.event, cls) and which(one.event)]


def retold(history: History, one: Told, **fields: Any) -> History:
    """Let an event say something else."""
    event = replace(one.event, **fields)
    return changed(history, one.record, value=encode(event, one.record.topic).value)


def first(found: Iterable[Any]) -> Any:
    """Give the first; a history without any would let its test pass for nothing."""
    return next(iter(found))


def topic(history: History, name: str) -> list[Record]:
    """Give the committed records of a topic; there have to be some."""
    found = list(history.committed(name))
    assert found, f"nothing lies on {name}"
    return found
