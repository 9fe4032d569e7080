"""The bytes of a task's row on `ns.tasks` and of the last record of a task on `ns.results`.

A row repeats in plain fields what people and tools ask for, and carries all facts, so that the
registrar can go on from it. The last record `{task, state, reason}` is written for each task that
ends otherwise than by a result of its own; it is a CloudEvent of type `handrail_task_ended.v1`.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from handrail.errors.ledger import StateBroken
from handrail.ledger.event_record import as_bytes, from_json, to_json
from handrail.ledger.explanation import waiting_for, why
from handrail.ledger.task_state import TaskFacts, TaskState
from handrail.wire.record import Headers, Outgoing, Record
from handrail.wire.rfc3339 import rfc3339

TASKS = "tasks"  #: name of the registrar's own topic, without the namespace
RESULTS = "results"
TASK_TYPE: Final = b"handrail_task.v1"
TASK_ENDED_TYPE: Final = b"handrail_task_ended.v1"
SOURCE: Final = b"handrail/registrar"


class Announced(NamedTuple):
    """The end that was last written to `ns.results` for a task, so that it is written once."""

    opening: str
    state: TaskState
    results: int  #: how many results had been written by then; a later one supersedes it


@dataclass(frozen=True, slots=True)
class TaskRow:
    """What the registrar knows of a task."""

    facts: TaskFacts
    folded_to: int  #: the next offset of the ledger's partition; events below are in the facts
    announced: Announced | None = None


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The last record of a task that did not end by a result."""

    task: str
    state: TaskState
    reason: str


class Glance(NamedTuple):
    """What is needed of a row to find it again, without reading all of it."""

    task_id: str
    ended_ms: int | None
    folded_to: int


_ROWS: Final = TypeAdapter(TaskRow)
_ENDS: Final = TypeAdapter(TaskEnd)


def result_key(facts: TaskFacts) -> bytes:
    """Give the key under which a task's result and end are found on `ns.results`."""
    return as_bytes(facts.task_id if facts.reference is None else facts.reference)


def encode_row(row: TaskRow, topic: str, partition: int) -> Outgoing:
    """Make the record of a row for the partition of `ns.tasks` that belongs to its ledger's."""
    facts = row.facts
    key = facts.task_id if facts.reference is None else facts.reference
    result = {"topic": RESULTS, "key": key, "id": facts.result_id} if facts.results else None
    body = {
        "task": facts.task_id,
        "state": facts.state,
        "why": why(facts),
        "waiting_for": waiting_for(facts),
        "open": facts.open,
        "reference": facts.reference,
        "tenant": facts.tenant,
        "result": result,
        "ended_ms": facts.ended_ms,
        "folded_to": row.folded_to,
        "announced": row.announced,
        "facts": facts,
    }
    headers = _headers(TASK_TYPE, f"{facts.task_id}/{row.folded_to}", facts)
    return Outgoing(topic, as_bytes(facts.task_id), to_json(body), headers, partition)


def decode_row(record: Record) -> TaskRow:
    """Read a row. Raises StateBroken, since only the registrar writes here."""
    try:
        return _ROWS.validate_python(from_json(record.value or b""))
    except (ValueError, ValidationError) as error:
        raise _broken(record, error) from error


def glance(record: Record) -> Glance:
    """Read only what finds a row again. Raises StateBroken."""
    try:
        body = from_json(record.value or b"")
        return Glance(str(body["task"]), body["ended_ms"], int(body["folded_to"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(record, error) from error


def _broken(record: Record, error: Exception) -> StateBroken:
    where = f"{record.topic}[{record.partition}]"
    return StateBroken(where=where, topic=record.topic, offset=record.offset, detail=str(error))


def end_due(row: TaskRow) -> Announced | None:
    """Give the end that has to be written now, or None when the last record says it already."""
    facts = row.facts
    if not facts.ended:
        return None
    opening = facts.openings[-1] if facts.accepted and facts.openings else "refused"
    if facts.rejection is not None:
        opening = facts.rejection.invocation
    before = row.announced
    written_before = before.results if before is not None and before.opening == opening else 0
    if facts.state is TaskState.COMPLETED and facts.results > written_before:
        return None
    due = Announced(opening, facts.state, facts.results)
    return None if due == before else due


def encode_end(facts: TaskFacts, topic: str) -> Outgoing:
    """Make the last record of a task for `ns.results`."""
    reason = why(facts)
    if facts.state is TaskState.COMPLETED and facts.results:
        reason = "Completed after a redrive; its result was written before it had failed."
    body = TaskEnd(facts.task_id, facts.state, reason)
    headers = _headers(TASK_ENDED_TYPE, f"{facts.task_id}/{facts.state}/{facts.updated_ms}", facts)
    if facts.reference is not None:
        headers = (*headers, ("ce_subject", as_bytes(facts.reference)))
    headers = (*headers, ("ce_taskid", as_bytes(facts.task_id)))
    return Outgoing(topic, result_key(facts), to_json(body), headers)


def decode_end(record: Record) -> TaskEnd | None:
    """Read the end of a task from `ns.results`; None when the record is a result."""
    if record.header("ce_type") != TASK_ENDED_TYPE:
        return None
    try:
        return _ENDS.validate_python(from_json(record.value or b""))
    except (ValueError, ValidationError):
        return None


def _headers(kind: bytes, identity: str, facts: TaskFacts) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", kind),
        ("ce_source", SOURCE),
        ("ce_id", as_bytes(identity)),
        ("ce_time", rfc3339(facts.updated_ms).encode()),
        ("ce_tenant", as_bytes(facts.tenant)),
        ("content-type", b"application/json"),
    )
