"""What can be asked of the projection. Every answer has a limit; times are milliseconds UTC."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from handrail.errors.ledger import FilterWrong
from handrail.ledger.event import Accepted, Event, Rejected, Submitted
from handrail.ledger.event_record import UnknownEvent, decode, to_json
from handrail.ledger.memory_event import MemoryForgotten, MemoryRecalled, MemoryRefused
from handrail.ledger.projection import Projection, plain, read_facts
from handrail.ledger.task_state import TaskFacts, TaskState
from handrail.store.sqlite import Row, Value
from handrail.wire.record import Record

TASKS_COUNT_MAX = 1_000
EVENTS_COUNT_MAX = 100_000
ID_CHARS_MIN = 6  #: of the beginning of an id that still names a task


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list; every condition that is given must hold."""

    state: TaskState | None = None
    agent: str | None = None
    tenant: str | None = None
    reference: str | None = None
    text: str | None = None  #: a piece of what was asked
    ended: bool | None = None


class Told(NamedTuple):
    """An event of a task and where it lies on the ledger."""

    partition: int
    offset: int
    event: Event


@dataclass(frozen=True, slots=True)
class RefusedOften:
    """How often memory has refused a writer for one reason."""

    space: str
    reason: str
    by: str
    count: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Work:
    """An invocation that has ended."""

    task_id: str
    invocation: str
    run: int
    agent: str
    agent_version: str
    process: str
    topic: str
    started_ms: int | None
    ended_ms: int
    waited_ms: int | None
    died: str | None  #: the reason, when it ended as a dead letter
    cost_micros: int | None


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter as the ledger tells it; its bytes are on the agent's `dead` topic."""

    task_id: str
    invocation: str
    agent: str
    topic: str
    partition: int  #: of the inbox, and so of the dead topic
    offset: int  #: in the inbox
    reason: str
    sentence: str
    absorbed: bool
    time_ms: int
    redriven_ms: int | None


def parse_filter(text: str) -> TaskFilter:
    """Read `state=failed,agent=writer`. Raises FilterWrong, which says what may be asked."""
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or name.strip() not in _CONDITIONS:
            known = ", ".join(_CONDITIONS)
            raise FilterWrong(given=text, reason=f"write NAME=VALUE; names are {known}.")
        given[name.strip()] = value.strip()
    state, ended = given.pop("state", None), given.pop("ended", None)
    if state is not None and state not in set(TaskState):
        raise FilterWrong(given=text, reason=f"a state is one of {', '.join(TaskState)}.")
    if ended not in (None, "yes", "no"):
        raise FilterWrong(given=text, reason="ended is yes or no.")
    return TaskFilter(
        state=None if state is None else TaskState(state),
        ended=None if ended is None else ended == "yes",
        **given,
    )


_CONDITIONS: Final = ("state", "ended", "agent", "tenant", "reference", "text")


def tasks(
    projection: Projection, where: TaskFilter | None = None, limit: int = 50
) -> list[TaskFacts]:
    """List tasks, the one that changed last first."""
    where = where or TaskFilter()
    conditions: list[tuple[str, Value]] = []
    if where.state is not None:
        conditions.append(("state = ?", where.state.value))
    for column in ("tenant", "reference"):
        wanted: str | None = getattr(where, column)
        if wanted is not None:
            conditions.append((f"{column} = ?", plain(wanted)))
    if where.agent is not None:
        conditions.append(("instr(agents, ?) > 0", plain(f" {where.agent} ")))
    if where.text is not None:
        conditions.append(("instr(lower(text), ?) > 0", plain(where.text).lower()))
    if where.ended is not None:
        conditions.append(("(ended_ms IS NOT NULL) = ?", int(where.ended)))
    clause = " AND ".join(sql for sql, _ in conditions) or "1"
    rows = projection.database.rows(
        f"SELECT facts FROM task WHERE {clause} ORDER BY updated_ms DESC, task LIMIT ?",  # noqa: S608  # texts of our own
        [*(value for _, value in conditions), min(limit, TASKS_COUNT_MAX)],
    )
    return [read_facts(row[0]) for row in rows]


def task(projection: Projection, name: str) -> TaskFacts | None:
    """Find a task by its id, by its reference, or by a beginning of its id that names one only."""
    name = plain(name)
    for sql, values in (
        ("task = ?", (name,)),
        ("reference = ? ORDER BY updated_ms DESC", (name,)),
    ):
        row = projection.database.first(f"SELECT facts FROM task WHERE {sql} LIMIT 1", values)  # noqa: S608  # texts of our own
        if row is not None:
            return read_facts(row[0])
    if len(name) < ID_CHARS_MIN:
        return None
    rows = projection.database.rows(
        "SELECT facts FROM task WHERE task >= ? AND task < ? LIMIT 2", (name, name + "\U0010ffff")
    )
    return read_facts(rows[0][0]) if len(rows) == 1 else None


def events(projection: Projection, task_id: str, limit: int = EVENTS_COUNT_MAX) -> list[Told]:
    """Give what was told of a task, in order; of very many the first."""
    rows = projection.database.rows(
        'SELECT partition, "offset", time_ms, key, value, kind FROM event WHERE task = ?'
        ' ORDER BY "offset" LIMIT ?',
        (plain(task_id), min(limit, EVENTS_COUNT_MAX)),
    )
    return [told for told in map(_told, rows) if told is not None]


def tasks_telling_of(projection: Projection, identity: str) -> list[str]:
    """Name the tasks of which an event names an id anywhere, a message's for one.

    It reads every event that is kept: for what people ask once. A longer id that holds this one is
    taken for it, so the events themselves have the last word.
    """
    rows = projection.database.rows(
        "SELECT DISTINCT task FROM event WHERE instr(value, CAST(? AS BLOB)) > 0 LIMIT ?",
        (plain(identity), TASKS_COUNT_MAX),
    )
    return [str(row[0]) for row in rows]


def given_of_memory(
    projection: Projection, tenant: str, references: Collection[str]
) -> dict[str, str]:
    """Name the invocations that were given one of these versions by a recall, and their tasks.

    A version is named as `space/key@version`, with the key in full. It reads every event of its
    kind that is kept, as `tasks_telling_of` does.
    """
    rows = projection.database.rows(
        "SELECT DISTINCT json_extract(told, '$.invocation'), task"
        " FROM (SELECT task, CAST(value AS TEXT) AS told FROM event WHERE type = ?1) AS event,"
        " json_each(told, '$.manifest.slots') AS slot, json_each(slot.value, '$.entries') AS entry"
        " WHERE json_extract(told, '$.tenant') = ?2 AND entry.value ->> 'dropped' = ''"
        " AND (entry.value ->> 'space') || '/' || (entry.value ->> 'key') || '@'"
        " || (entry.value ->> 'version') IN (SELECT value FROM json_each(CAST(?3 AS TEXT)))"
        " LIMIT ?4",
        (MemoryRecalled.__name__, plain(tenant), to_json([*references]), EVENTS_COUNT_MAX),
    )
    return {str(invocation): str(task) for invocation, task in rows}


def receipt_of(projection: Projection, digest: str) -> MemoryForgotten | None:
    """Give the newest receipt of a subject's forgetting."""
    rows = projection.database.rows(
        'SELECT partition, "offset", time_ms, key, value, kind FROM event'
        " WHERE type = ? AND json_extract(CAST(value AS TEXT), '$.key') = ?"
        " ORDER BY time_ms DESC LIMIT 1",
        (MemoryForgotten.__name__, digest),
    )
    told = [one.event for one in map(_told, rows) if one is not None]
    return next((one for one in told if isinstance(one, MemoryForgotten)), None)


def asked_first(events: Sequence[Told]) -> list[Told]:
    """Give the events in their order, but each submission before what the intake made of it.

    A submitter says that it has submitted once the record is there, and a lane may be quicker.
    Whoever reads the whole story reads the cause first; nothing else is moved.
    """
    told: list[Told] = []
    submitted: set[str] = set()
    judged: dict[str, Told] = {}  #: by submission: what the intake said before its submitter did
    for one in events:
        match one.event:
            case Submitted(ce_id=ce_id):
                submitted.add(ce_id)
                if early := judged.pop(ce_id, None):
                    told.insert(told.index(early), one)
                    continue
            case Accepted(ce_id=ce_id) | Rejected(ce_id=ce_id) if ce_id not in submitted:
                judged.setdefault(ce_id, one)
            case _:
                pass
        told.append(one)
    return told


def refusals_of_memory(projection: Projection) -> list[RefusedOften]:
    """Count what memory has refused, by space, reason and writer, the most frequent first."""
    rows = projection.database.rows(
        "SELECT json_extract(body, '$.space'), json_extract(body, '$.reason'),"
        " json_extract(body, '$.by'), count(*), max(time_ms)"
        " FROM (SELECT CAST(value AS TEXT) AS body, time_ms FROM event WHERE type = ?)"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT ?",
        (MemoryRefused.__name__, TASKS_COUNT_MAX),
    )
    return [RefusedOften(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types


def _told(row: Row) -> Told | None:
    partition, offset, time_ms, key, value, kind = row
    assert isinstance(partition, int)
    assert isinstance(offset, int)
    assert isinstance(time_ms, int)
    assert isinstance(key, bytes | None)
    assert isinstance(value, bytes | None)
    assert isinstance(kind, bytes)
    event = decode(Record("", partition, offset, time_ms, key, value, (("ce_type", kind),)))
    return None if isinstance(event, UnknownEvent) else Told(partition, offset, event)


def work(
    projection: Projection, *, task_id: str | None = None, agent: str | None = None, limit: int = 50
) -> list[Work]:
    """List invocations that have ended, of a task in order, else the newest first."""
    rows = projection.database.rows(
        "SELECT task, invocation, run, agent, agent_version, process, topic, started_ms, ended_ms,"
        " waited_ms, died, cost_micros FROM invocation"
        " WHERE (?1 IS NULL OR task = ?1) AND (?2 IS NULL OR agent = ?2)"
        ' ORDER BY CASE WHEN ?1 IS NULL THEN -ended_ms ELSE "offset" END LIMIT ?3',
        (task_id, agent, min(limit, EVENTS_COUNT_MAX)),
    )
    return [Work(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types


def dead_letters(
    projection: Projection, *, task_id: str | None = None, agent: str | None = None, limit: int = 50
) -> Sequence[Dead]:
    """List dead letters, the newest first."""
    rows = projection.database.rows(
        "SELECT task, invocation, agent, topic, inbox_partition, inbox_offset, reason, sentence,"
        " absorbed <> 0, time_ms, redriven_ms FROM dead"
        " WHERE (?1 IS NULL OR task = ?1) AND (?2 IS NULL OR agent = ?2)"
        " ORDER BY time_ms DESC LIMIT ?3",
        (task_id, agent, min(limit, TASKS_COUNT_MAX)),
    )
    return [Dead(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types
