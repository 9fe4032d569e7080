"""The one projection: everything the ledger says, in one SQLite file that can always be made anew.

Rows and the place up to which the ledger was read are written in one transaction, so that no
event is counted twice or passed over, however many processes fold into the file at once. Nothing
but the ledger flows in: delete the file, fold again, and every row is the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from handrail.ledger.event import (
    DeadLettered,
    Event,
    Finished,
    Redriven,
    Rejected,
    event_id,
)
from handrail.ledger.event_record import UnknownEvent, decode, from_json, to_json
from handrail.ledger.explanation import why
from handrail.ledger.memory_event import OfMemory
from handrail.ledger.task_state import TaskFacts, fold
from handrail.store.sqlite import Database, Value
from handrail.wire.record import Record

#: Whoever changes what is folded appends a layout that empties every table, so that files fold
#: anew by themselves.
LAYOUTS: Final = (
    """
    CREATE TABLE beginning (token TEXT NOT NULL);
    INSERT INTO beginning VALUES (hex(randomblob(8)));
    CREATE TABLE position (
        partition INTEGER PRIMARY KEY, "next" INTEGER NOT NULL, last INTEGER NOT NULL,
        mark TEXT NOT NULL, unknown INTEGER NOT NULL
    );
    CREATE TABLE task (
        task TEXT PRIMARY KEY, reference TEXT, tenant TEXT NOT NULL, state TEXT NOT NULL,
        why TEXT NOT NULL, text TEXT NOT NULL, agents TEXT NOT NULL, open INTEGER NOT NULL,
        invocations INTEGER NOT NULL, lost INTEGER NOT NULL, results INTEGER NOT NULL,
        started_ms INTEGER, ended_ms INTEGER, updated_ms INTEGER NOT NULL, facts BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX task_reference ON task (reference) WHERE reference IS NOT NULL;
    CREATE INDEX task_updated ON task (updated_ms);
    CREATE TABLE event (
        partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, task TEXT NOT NULL,
        id TEXT NOT NULL, type TEXT NOT NULL, time_ms INTEGER NOT NULL,
        key BLOB, value BLOB, kind BLOB, PRIMARY KEY (partition, "offset")
    ) WITHOUT ROWID;
    CREATE INDEX event_task ON event (task, "offset");
    CREATE TABLE invocation (
        partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, task TEXT NOT NULL,
        invocation TEXT NOT NULL, run INTEGER NOT NULL, agent TEXT NOT NULL,
        agent_version TEXT NOT NULL, process TEXT NOT NULL, topic TEXT NOT NULL,
        started_ms INTEGER, ended_ms INTEGER NOT NULL, waited_ms INTEGER, died TEXT,
        cost_micros INTEGER, PRIMARY KEY (partition, "offset")
    ) WITHOUT ROWID;
    CREATE INDEX invocation_task ON invocation (task, "offset");
    CREATE INDEX invocation_agent ON invocation (agent, ended_ms);
    CREATE TABLE dead (
        partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, task TEXT NOT NULL,
        invocation TEXT NOT NULL, agent TEXT NOT NULL, topic TEXT NOT NULL,
        inbox_partition INTEGER NOT NULL, inbox_offset INTEGER NOT NULL, reason TEXT NOT NULL,
        sentence TEXT NOT NULL, absorbed INTEGER NOT NULL, time_ms INTEGER NOT NULL,
        redriven_ms INTEGER, PRIMARY KEY (partition, "offset")
    ) WITHOUT ROWID;
    CREATE INDEX dead_invocation ON dead (invocation);
    CREATE INDEX dead_time ON dead (time_ms);
    """,
    """
    DELETE FROM position; DELETE FROM task; DELETE FROM event; DELETE FROM invocation;
    DELETE FROM dead; UPDATE beginning SET token = hex(randomblob(8));
    """,
    """
    DELETE FROM position; DELETE FROM task; DELETE FROM event; DELETE FROM invocation;
    DELETE FROM dead; UPDATE beginning SET token = hex(randomblob(8));
    """,
)
TABLES: Final = ("position", "task", "event", "invocation", "dead")

_FACTS: Final = TypeAdapter(TaskFacts)


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a partition of the ledger was folded, and what its last record looked like."""

    next: int
    last: int
    mark: str


def mark_of(record: Record) -> str:
    """Tell a record apart from another one at the same offset of a topic that was made anew."""
    identity = (record.header("ce_id") or b"").decode("utf-8", "replace")
    return f"{record.timestamp_ms}/{identity}"


def plain(text: str) -> str:
    """Give a text as SQLite can hold it; bytes that were no UTF-8 are shown as escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_facts(value: Value) -> TaskFacts:
    """Read the facts of a task as they lie in the file."""
    assert isinstance(value, bytes)
    return _FACTS.validate_python(from_json(value))


class Projection:
    """An open projection. Methods raise `StoreDamaged` or `StoreUnusable`, as its file does."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there. Raises `StoreTooNew`."""
        self.path = path
        self.database = Database.open(path, LAYOUTS)

    @property
    def moved_aside(self) -> Path | None:
        """Where a damaged predecessor of the file lies now; say so to whoever is there."""
        return self.database.moved_aside

    def close(self) -> None:
        """Give the file back."""
        self.database.close()

    def rebuild(self) -> None:
        """Set the damaged file aside and go on with an empty one."""
        self.database = self.database.replaced(LAYOUTS)

    def empty(self) -> None:
        """Forget everything, positions too."""
        with self.database.transaction():
            for table in TABLES:
                self.database.execute(f"DELETE FROM {table}")  # noqa: S608  # names of our own
            self.database.execute("UPDATE beginning SET token = hex(randomblob(8))")

    def beginning(self) -> str:
        """Name this filling of the file; it has another name after each time it was emptied."""
        row = self.database.first("SELECT token FROM beginning")
        assert row is not None
        return str(row[0])

    def positions(self) -> dict[int, Position]:
        """Give the place of each partition that was read."""
        rows = self.database.rows('SELECT partition, "next", last, mark FROM position')
        return {_int(p): Position(_int(n), _int(last), str(mark)) for p, n, last, mark in rows}

    def unknown_count(self) -> int:
        """Count the records on the ledger that are no events this version knows."""
        row = self.database.first("SELECT coalesce(sum(unknown), 0) FROM position")
        assert row is not None
        return _int(row[0])

    def take(self, records: Sequence[Record], beginning: str) -> frozenset[str] | None:
        """Fold records in the order of their partitions; give the tasks that changed.

        They follow without a gap from the positions that were found under `beginning`, or from
        earlier ones: what was folded meanwhile is passed over. None says that the file has been
        emptied since; nothing was written, and the caller has to start from its positions again.
        """
        with self.database.transaction():
            if self.beginning() != beginning:
                return None
            places = self.positions()
            fresh: dict[int, list[Record]] = {}
            for record in records:
                place = places.get(record.partition)
                if place is None or record.offset >= place.next:
                    fresh.setdefault(record.partition, []).append(record)
            changed: dict[str, TaskFacts] = {}
            for partition, batch in fresh.items():
                self._fold(partition, batch, changed)
            self._save(changed.values())
        return frozenset(changed)

    def _fold(
        self, partition: int, records: Sequence[Record], changed: dict[str, TaskFacts]
    ) -> None:
        told: list[tuple[Record, Event]] = []
        for record in records:
            event = decode(record)
            if isinstance(event, UnknownEvent):
                continue
            told.append((record, event))
            known = changed.get(event.task_id) or self._facts(event.task_id)
            if known is None and isinstance(event, OfMemory):
                continue  # it says nothing of a task that nobody knows, and begins none
            changed[event.task_id] = fold(known, event)
        self.database.execute_many(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_event_row(record, event) for record, event in told],
        )
        self.database.execute_many(
            "INSERT INTO invocation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                _invocation_row(record, event)
                for record, event in told
                if isinstance(event, Finished | DeadLettered)
            ],
        )
        self._fold_dead(told)
        last, unknown = records[-1], len(records) - len(told)
        self.database.execute(
            "INSERT INTO position VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (partition) DO UPDATE"
            ' SET "next" = ?2, last = ?3, mark = ?4, unknown = unknown + ?5',
            (partition, last.offset + 1, last.offset, mark_of(last), unknown),
        )

    def _fold_dead(self, told: Sequence[tuple[Record, Event]]) -> None:
        for record, event in told:
            if isinstance(event, DeadLettered | Rejected):
                self.database.execute(
                    "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    _dead_row(record, event),
                )
            elif isinstance(event, Redriven):
                self.database.execute(
                    "UPDATE dead SET redriven_ms = ? WHERE invocation = ? AND redriven_ms IS NULL",
                    (event.time_ms, plain(event.invocation)),
                )

    def _facts(self, task_id: str) -> TaskFacts | None:
        row = self.database.first("SELECT facts FROM task WHERE task = ?", (plain(task_id),))
        return None if row is None else read_facts(row[0])

    def _save(self, changed: Iterable[TaskFacts]) -> None:
        self.database.execute_many(
            "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_task_row(facts) for facts in changed],
        )


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _task_row(facts: TaskFacts) -> tuple[Value, ...]:
    return (
        plain(facts.task_id),
        None if facts.reference is None else plain(facts.reference),
        plain(facts.tenant),
        facts.state.value,
        plain(why(facts)),
        plain(facts.text),
        # With a space on either side of each name, so that a whole name can be looked for.
        plain(f" {' '.join(facts.agents)} "),
        facts.open,
        facts.invocations,
        facts.lost,
        facts.results,
        facts.submitted_ms if facts.submitted_ms is not None else facts.accepted_ms,
        facts.ended_ms,
        facts.updated_ms,
        to_json(facts),
    )


def _event_row(record: Record, event: Event) -> tuple[Value, ...]:
    return (
        record.partition,
        record.offset,
        plain(event.task_id),
        plain(event_id(event)),
        type(event).__name__,
        event.time_ms,
        record.key,
        record.value,
        record.header("ce_type"),
    )


def _invocation_row(record: Record, event: Finished | DeadLettered) -> tuple[Value, ...]:
    return (
        record.partition,
        record.offset,
        plain(event.task_id),
        plain(event.invocation),
        event.run,
        plain(event.agent),
        plain(event.agent_version),
        plain(event.process),
        plain(event.topic),
        event.started_ms,
        event.time_ms,
        event.waited_ms,
        plain(event.reason) if isinstance(event, DeadLettered) else None,
        event.cost_micros if isinstance(event, Finished) else None,
    )


def _dead_row(record: Record, event: DeadLettered | Rejected) -> tuple[Value, ...]:
    if isinstance(event, Rejected):
        invocation, absorbed = event.ce_id, False
    else:
        invocation, absorbed = event.invocation, event.absorbed
    return (
        record.partition,
        record.offset,
        plain(event.task_id),
        plain(invocation),
        plain(event.agent),
        plain(event.topic),
        event.partition,
        event.offset,
        plain(event.reason),
        plain(event.sentence),
        int(absorbed),
        event.time_ms,
    )
