"""The single writer of task states: reads the ledger, writes `ns.tasks` and the ends of tasks.

Each task has one row on `ns.tasks`, in the partition that has the number of its ledger's. Each
task that ends otherwise than by a result gets a last record on `ns.results`, so that whoever
waits under its reference finds an end. Rows of tasks that ended 30 days ago are deleted, and so is
what became of requests to people, 30 days after they were closed.

Memory is bounded: some thousand rows per partition are kept, the rest is read back from the own
partition by an offset that a scratch file remembers.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import structlog

from handrail.bus.port import Bus
from handrail.ledger.event import Event
from handrail.ledger.event_record import LEDGER, UnknownEvent, as_bytes, decode
from handrail.ledger.memory_event import OfMemory
from handrail.ledger.task_record import (
    RESULTS,
    TASKS,
    TaskRow,
    decode_row,
    encode_end,
    encode_row,
    end_due,
    glance,
)
from handrail.ledger.task_state import fold
from handrail.runtime.clock import Clock
from handrail.runtime.closed_requests import forgotten
from handrail.runtime.single_writer import BATCH_RECORDS_MAX, SingleWriter
from handrail.runtime.single_writer_partition import OwnPlace, WriterPlan
from handrail.store.sqlite import Database
from handrail.wire.record import Outgoing, Record

log = structlog.get_logger(__name__)

ROWS_COUNT_MAX = 4_000  #: rows of one partition that are kept in memory, about 2 KB each
KEPT_AFTER_END_MS = 30 * 24 * 3_600_000
TOMBSTONES_COUNT_MAX = 500  #: in one transaction

_PLACES = (
    """
    CREATE TABLE place (task BLOB PRIMARY KEY, at INTEGER NOT NULL, ended_ms INTEGER)
    WITHOUT ROWID;
    CREATE INDEX place_ended ON place (ended_ms) WHERE ended_ms IS NOT NULL;
    """,
)


class TaskBook:
    """The rows of one partition, and what a batch of events makes of them."""

    def __init__(
        self, namespace: str, partition: int, rows_count_max: int = ROWS_COUNT_MAX
    ) -> None:
        """Know nothing yet; `restore` and `recall` teach."""
        self._tasks = f"{namespace}.{TASKS}"
        self._results = f"{namespace}.{RESULTS}"
        self._partition = partition
        self._rows_count_max = rows_count_max
        self._rows: OrderedDict[str, TaskRow | Record] = OrderedDict()
        self._places = Database.scratch(_PLACES)
        self._read_to: int | None = None
        self._batch: list[tuple[int, Event]] = []
        self._wanted: set[int] = set()  #: offsets of rows that were asked for
        self._changed: dict[str, TaskRow | None] = {}  #: to be written; None: to be deleted
        self._written: list[str | None] = []  #: the task of each outgoing record on `ns.tasks`
        self.unknown_count = 0  #: records on the ledger that are no events

    @property
    def read_to(self) -> int | None:
        """The next offset of the ledger, by the newest row; None when there is none."""
        return self._read_to

    def restore(self, records: Sequence[Record]) -> None:
        """Take in rows in the order in which they were written. Raises StateBroken."""
        places: dict[str, tuple[int, int | None]] = {}
        gone: set[str] = set()
        for record in records:
            if record.value is None:
                task_id = _text(record.key or b"")
                self._rows.pop(task_id, None)
                places.pop(task_id, None)
                gone.add(task_id)
                continue
            seen = glance(record)
            gone.discard(seen.task_id)
            places[seen.task_id] = (record.offset, seen.ended_ms)
            self._read_to = max(self._read_to or 0, seen.folded_to)
            self._rows.pop(seen.task_id, None)
            if seen.ended_ms is None:
                # Its next event will come soon, most likely; it is read when that is there.
                self._keep(seen.task_id, record)
        self._remember(places, gone)

    def begin(self, records: Sequence[Record]) -> Sequence[OwnPlace]:
        """Take a batch of the ledger; say where the rows lie that are not in memory."""
        self._batch = []
        for record in records:
            event = decode(record)
            if isinstance(event, UnknownEvent):
                self.unknown_count += 1
                log.warning("not an event", offset=record.offset, kind=event.type, why=event.why)
            else:
                self._batch.append((record.offset, event))
        wanted = {event.task_id for _, event in self._batch} - self._rows.keys()
        places = [
            self._places.first("SELECT at FROM place WHERE task = ?", (as_bytes(task_id),))
            for task_id in wanted
        ]
        self._wanted = {at for place in places if place for at in place if isinstance(at, int)}
        return [OwnPlace(self._tasks, at) for at in sorted(self._wanted)]

    def recall(self, records: Sequence[Record]) -> None:
        """Take rows that were read back."""
        for record in records:
            # What lies beside a row that was asked for may be superseded long since.
            if record.offset in self._wanted:
                self._rows[glance(record).task_id] = record

    def decide(self, now_ms: int) -> Sequence[Outgoing]:
        """Fold the batch; give the changed rows, and the ends that are due."""
        del now_ms  # states follow from events alone
        changed: dict[str, TaskRow] = {}
        for offset, event in self._batch:
            row = changed.get(event.task_id) or self._row(event.task_id)
            if row is not None and offset < row.folded_to:
                continue
            if row is None and isinstance(event, OfMemory):
                continue  # it says nothing of a task that nobody knows, and begins none
            facts = fold(row.facts if row is not None else None, event)
            announced = row.announced if row is not None else None
            changed[event.task_id] = TaskRow(facts, offset + 1, announced)
        out: list[Outgoing] = []
        self._written = []
        for task_id, row in changed.items():
            due = end_due(row)
            settled = row if due is None else TaskRow(row.facts, row.folded_to, due)
            self._changed[task_id] = settled
            out.append(encode_row(settled, self._tasks, self._partition))
            self._written.append(task_id)
            if due is not None:
                out.append(encode_end(settled.facts, self._results))
                self._written.append(None)
        return out

    @property
    def left_count(self) -> int:
        """Nothing: a batch is one transaction."""
        return 0

    def overdue(self, now_ms: int) -> Sequence[Outgoing]:
        """Give deletions of rows whose tasks ended 30 days ago, at most 500."""
        rows = self._places.rows(
            "SELECT task FROM place WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?",
            (now_ms - KEPT_AFTER_END_MS, TOMBSTONES_COUNT_MAX),
        )
        gone = [_text(task) for (task,) in rows if isinstance(task, bytes)]
        self._changed = dict.fromkeys(gone)
        self._written = [*gone]
        return [
            Outgoing(self._tasks, as_bytes(task_id), None, partition=self._partition)
            for task_id in gone
        ]

    def committed(self, offsets: Sequence[int]) -> None:
        """Keep what was decided, and remember where it lies."""
        places: dict[str, tuple[int, int | None]] = {}
        gone: set[str] = set()
        for task_id, offset in zip(self._written, offsets, strict=True):
            if task_id is None:
                continue
            row = self._changed[task_id]
            if row is None:
                gone.add(task_id)
                self._rows.pop(task_id, None)
                continue
            places[task_id] = (offset, row.facts.ended_ms)
            self._read_to = max(self._read_to or 0, row.folded_to)
            self._keep(task_id, row)
        self._remember(places, gone)
        self.undo()

    def undo(self) -> None:
        """Forget what was decided and not committed."""
        self._batch, self._changed, self._written = [], {}, []

    def close(self) -> None:
        """Give back the scratch file."""
        self._places.close()

    def _row(self, task_id: str) -> TaskRow | None:
        known = self._rows.get(task_id)
        if isinstance(known, Record):
            known = decode_row(known)
        return known

    def _keep(self, task_id: str, row: TaskRow | Record) -> None:
        self._rows[task_id] = row
        self._rows.move_to_end(task_id)
        while len(self._rows) > self._rows_count_max:
            self._rows.popitem(last=False)

    def _remember(self, places: dict[str, tuple[int, int | None]], gone: set[str]) -> None:
        with self._places.transaction():
            self._places.execute_many(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?)",
                [(as_bytes(task), at, ended_ms) for task, (at, ended_ms) in places.items()],
            )
            self._places.execute_many(
                "DELETE FROM place WHERE task = ?", [(as_bytes(task),) for task in gone]
            )


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def registrar(
    bus: Bus, namespace: str, clock: Clock, *, batch_records_max: int = BATCH_RECORDS_MAX
) -> SingleWriter:
    """Make a member of the registrar's group; any number of processes may run one."""
    plan = WriterPlan(
        namespace=namespace,
        name="registrar",
        reads=LEDGER,
        owns=(TASKS,),
        sweep=partial(forgotten, bus, namespace),
    )
    return SingleWriter(
        bus,
        plan,
        lambda partition: TaskBook(namespace, partition),
        clock,
        batch_records_max=batch_records_max,
    )
