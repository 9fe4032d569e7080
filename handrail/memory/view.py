"""Folds the topics of memory into one SQLite file from which a process reads, each record once.

Rows, words, positions and the applied offsets of commands change in one SQLite transaction: after
a crash the file is as it was after some batch, and folding goes on from there. Nothing but the
topics flows in, so the file may be deleted at any time. What is deleted about a person leaves no
words behind: not in the file, not in its index, and not in its write-ahead log once `purge` has
said so.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from handrail.errors.memory import MemoryRecordInvalid
from handrail.memory.forgetting import forget_closed, forget_closed_of, purged
from handrail.memory.indexing import Indexing
from handrail.memory.opening import Opener, never
from handrail.memory.progress import Progress
from handrail.memory.rows import mark_of_commands
from handrail.memory.sealing import subject_of
from handrail.memory.tables import CLEAN_WORDS, LAYOUTS, TABLES, WORDS_ANEW, clean_deletes
from handrail.store.sqlite import Database, Value
from handrail.wire.memory import (
    APPLIED_KEY,
    FORGOTTEN_PREFIX,
    HISTORY,
    HOLD_PREFIX,
    AppliedMark,
    Command,
    Positions,
    StoredRecord,
    space_topic,
)
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger(__name__)

_VERSION: Final = """
    INSERT INTO version (space, "key", "offset", number, written_ms, sealed, crc, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a partition was folded, and what its last record looked like."""

    next: int
    last: int
    mark: str


def mark_of(record: Record) -> str:
    """Tell a record apart from another one at the same offset of a topic that was made anew."""
    return f"{record.timestamp_ms}/{zlib.crc32(record.value or b'')}"


class View:
    """An open view. Methods raise `StoreDamaged` or `StoreUnusable`, as its file does.

    One thread at a time folds; another connection reads (see `reading.Reader`).
    """

    def __init__(
        self, path: Path, namespace: str, spaces: Iterable[str], opener: Opener | None = None
    ) -> None:
        """Open the file, made if it is not there; another namespace's is emptied.

        What came from other spaces than these is forgotten: a space that is declared again later
        is read from its beginning, so that no deletion in between is missed. Raises `StoreTooNew`.
        """
        self.path = path
        self.namespace = namespace
        self.topics: Final = frozenset([HISTORY, *map(space_topic, spaces)])
        self.opener = opener or never
        self.database = _opened(path)
        try:
            self.database.check_log()
            self.database.leave_log()
            self.progress = Progress()
            self._begin()
        except BaseException:
            self.database.close()
            raise

    def _begin(self) -> None:
        row = self.database.first("SELECT namespace FROM beginning")
        if row is None or row[0] != self.namespace:
            self.empty()
        self._forget_other_topics()
        self.progress = self._read_progress()

    def close(self) -> None:
        """Give the file back."""
        self.database.close()

    def empty(self) -> None:
        """Forget everything, positions too."""
        with self.database.transaction():
            for table in TABLES:
                self.database.execute(f"DELETE FROM {table}")  # noqa: S608  # names of our own
            self.database.execute(WORDS_ANEW)
            self.database.execute(
                "UPDATE beginning SET token = hex(randomblob(8)), namespace = ?", (self.namespace,)
            )
            self.database.execute("UPDATE state SET current_ms = 0, purge_due = 1, unreadable = 0")
        self.progress = self._read_progress()

    def _forget_other_topics(self) -> None:
        rows = self.database.rows("SELECT DISTINCT topic FROM position")
        gone = {str(topic) for (topic,) in rows} - {f"{self.namespace}.{t}" for t in self.topics}
        if gone:
            with self.database.transaction():
                for topic in gone:
                    self._forget_topic(topic)
                # Snapshots and the log still hold its words, and nothing more is heard of it.
                self.database.execute("UPDATE state SET purge_due = 1")

    def _forget_topic(self, topic: str) -> None:
        space = self._space(topic)
        for of_person in (0, 1):
            self.database.execute(CLEAN_WORDS, (of_person,))
            self.database.execute(
                "DELETE FROM words WHERE rowid IN"
                " (SELECT id FROM record WHERE space = ? AND sealed = ?)",
                (space, of_person),
            )
        self.database.execute(CLEAN_WORDS, (0,))
        self.database.execute("DELETE FROM record WHERE space = ?", (space,))
        for table in ("position", "hold"):
            self.database.execute(f"DELETE FROM {table} WHERE topic = ?", (topic,))  # noqa: S608  # names of our own
        self.database.execute(
            "DELETE FROM seen WHERE topic = ?", (topic.removeprefix(f"{self.namespace}."),)
        )

    def beginning(self) -> str:
        """Name this filling of the file; it has another name after each time it was emptied."""
        row = self.database.first("SELECT token FROM beginning")
        assert row is not None
        return str(row[0])

    def positions(self) -> dict[TopicPartition, Position]:
        """Give the place of each partition that was read."""
        rows = self.database.rows('SELECT topic, partition, "next", last, mark FROM position')
        return {
            TopicPartition(str(topic), _int(p)): Position(_int(n), _int(last), str(mark))
            for topic, p, n, last, mark in rows
        }

    def holds(self, wanted: Positions) -> bool:
        """Say whether everything that these commands have written is here."""
        return self.progress.holds(wanted)

    def current_ms(self) -> int:
        """When it was last known that everything written before is here; 0 for never."""
        return self._state("current_ms")

    def unreadable_count(self) -> int:
        """Count the records on the topics that this version cannot read."""
        return self._state("unreadable")

    def _state(self, column: str) -> int:
        row = self.database.first(f"SELECT {column} FROM state")  # noqa: S608  # our own name
        assert row is not None
        return _int(row[0])

    def became_current(self, at_ms: int, marks: Mapping[int, AppliedMark]) -> None:
        """Note that all written before `at_ms` is here, so all that these marks speak of too."""
        with self.database.transaction():
            self.database.execute("UPDATE state SET current_ms = ?", (at_ms,))
            for partition, mark in marks.items():
                told = {space_topic(space): offset for space, offset in mark.spaces.items()}
                for topic, offset in {**told, HISTORY: mark.history}.items():
                    self._saw(topic, partition, offset)
        self.progress = self.progress.followed_by(self._read_progress())

    def take(
        self, records: Sequence[Record], beginning: str, *, index: bool = True
    ) -> frozenset[str] | None:
        """Fold records in the order of their partitions; give the spaces that changed.

        They follow from the positions that were found under `beginning`, or from earlier ones:
        what was folded meanwhile is passed over. None says that the file was emptied since; nothing
        was written, and the caller has to start from its positions again. Without `index`, the
        words of what changed are left for `index_rest`.
        """
        with self.database.transaction():
            if self.beginning() != beginning:
                return None
            places = self.positions()
            fresh: dict[TopicPartition, list[Record]] = {}
            for record in records:
                place = places.get(record.where)
                if place is None or record.offset >= place.next:
                    fresh.setdefault(record.where, []).append(record)
            fold = _Fold(self.database, self.opener)
            for where, batch in fresh.items():
                topic = where.topic.removeprefix(f"{self.namespace}.")
                applied = fold.take(None if topic == HISTORY else self._space(where.topic), batch)
                self._saw(topic, where.partition, applied)
                self._move(where, batch[-1])
            fold.finish()
            if index:
                fold.indexing.index_stale()
        self.progress = self.progress.followed_by(self._read_progress())
        return frozenset(fold.changed)

    def index_rest(self, count_max: int) -> bool:
        """Index the words of up to so many records; False when none were left."""
        with self.database.transaction():
            return Indexing(self.database, self.opener).index_rest(count_max) > 0

    def is_purge_due(self) -> bool:
        """Say whether something was forgotten whose words may still lie in the log of the file."""
        return bool(self._state("purge_due"))

    def purge(self) -> bool:
        """Take what was deleted out of the write-ahead log too; True once nothing of it is left.

        False when somebody reads for longer than a moment: following goes on meanwhile.
        """
        return purged(self.database)

    def _space(self, topic: str) -> str:
        return topic.removeprefix(f"{self.namespace}.{space_topic('')}")

    def _move(self, where: TopicPartition, last: Record) -> None:
        self.database.execute(
            "INSERT INTO position VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (topic, partition)"
            ' DO UPDATE SET "next" = ?3, last = ?4, mark = ?5',
            (where.topic, where.partition, last.offset + 1, last.offset, mark_of(last)),
        )

    def _saw(self, topic: str, partition: int, applied: int) -> None:
        self.database.execute(
            "INSERT INTO seen VALUES (?1, ?2, ?3) ON CONFLICT (topic, partition)"
            " DO UPDATE SET applied = max(applied, ?3)",
            (topic, partition, applied),
        )

    def _read_progress(self) -> Progress:
        marks = self.database.rows("SELECT partition, applied, body FROM taken")
        seen = self.database.rows("SELECT topic, partition, applied FROM seen")
        return Progress(
            {
                _int(partition): mark_of_commands(applied, body, self.path)
                for partition, applied, body in marks
            },
            {(str(topic), _int(partition)): _int(applied) for topic, partition, applied in seen},
            self.topics,
        )


def _opened(path: Path) -> Database:
    database = clean_deletes(Database.open(path, LAYOUTS, checks_pages=True))
    aside = database.moved_aside
    if aside is not None:
        # It can be read from the topics again, and may hold words that are forgotten later.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{aside}{suffix}").unlink(missing_ok=True)
    return database


class _Fold:
    """One batch, inside the transaction that its owner has opened."""

    def __init__(self, database: Database, opener: Opener) -> None:
        self._database = database
        self._opener = opener
        self.indexing = Indexing(database, opener)
        self.changed: set[str] = set()
        self._versions: list[tuple[Value, ...]] = []
        self._unreadable = 0
        self._purge_due = False

    def take(self, space: str | None, batch: Sequence[Record]) -> int:
        """Fold records of one partition of one topic; give the last command seen in them."""
        applied = -1
        for record in batch:
            try:
                if space is None:
                    applied = max(applied, self._version(record))
                elif record.key == APPLIED_KEY:
                    applied = max(applied, self._mark(record))
                elif (record.key or b"").startswith(HOLD_PREFIX):
                    self._hold(record)
                elif (record.key or b"").startswith(FORGOTTEN_PREFIX):
                    self._forgotten(record)
                else:
                    applied = max(applied, self._record(space, record))
            except (MemoryRecordInvalid, UnicodeDecodeError) as error:
                self._unreadable += 1
                log.warning(
                    "record of memory passed over",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    why=str(error).partition("\n")[0],
                )
        return applied

    def finish(self) -> None:
        """Write what waits, and note what is left to do and what could not be read."""
        self.indexing.flush()
        self._write_versions()
        self._database.execute(
            "UPDATE state SET unreadable = unreadable + ?, purge_due = max(purge_due, ?)",
            (self._unreadable, int(self._purge_due)),
        )

    def _write_versions(self) -> None:
        versions, self._versions = self._versions, []
        self._database.execute_many(_VERSION, versions)

    def _mark(self, record: Record) -> int:
        mark = AppliedMark.decode(record.value)
        self._database.execute(
            "INSERT INTO taken VALUES (?1, ?2, ?3) ON CONFLICT (partition) DO UPDATE"
            " SET applied = ?2, body = ?3 WHERE ?2 >= applied",
            (record.partition, mark.applied, record.value),
        )
        return mark.applied

    def _hold(self, record: Record) -> None:
        """Take in a legal hold, or its end: of no concern to readers, but to whoever forgets."""
        subject = (record.key or b"").removeprefix(HOLD_PREFIX).decode()
        where = (record.topic, record.partition, subject)
        if record.value is None:
            self._database.execute(
                "DELETE FROM hold WHERE topic = ? AND partition = ? AND subject = ?", where
            )
            return
        try:
            command = Command.decode(record.value)
            by, reason = command.by, command.reason
        except MemoryRecordInvalid:
            by, reason = "somebody", "what they have said cannot be read"  # it holds all the same
        self._database.execute(
            "INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?, ?)",
            (*where, by, reason, record.timestamp_ms),
        )

    def _forgotten(self, record: Record) -> None:
        """Let go of what nobody can open any more, also of what was removed long before.

        Whatever is here, copies may hold words of a space that this view does not follow.
        """
        if record.value is None:
            return
        subject = (record.key or b"").removeprefix(FORGOTTEN_PREFIX).decode()
        self._write_versions()
        forget_closed_of(self._database, self._opener, subject)
        self._purge_due = True

    def _record(self, space: str, record: Record) -> int:
        key = (record.key or b"").decode()
        self.changed.add(space)
        if record.value is None:
            self._purge_due |= self.indexing.remove(space, key)
            return -1
        stored = StoredRecord.decode(record.value)
        if (stored.space, stored.key) != (space, key):
            raise MemoryRecordInvalid(
                detail=f"it says that it is {stored.space} {stored.key!r}", topic=record.topic
            )
        self.indexing.put(stored, record.value)
        return stored.applied

    def _version(self, record: Record) -> int:
        stored = StoredRecord.decode(record.value)
        self.changed.add(stored.space)
        if stored.removed and subject_of(stored.key) is not None:
            self._write_versions()
            self._purge_due |= forget_closed(self._database, self._opener, stored)
        row: tuple[Value, ...] = (
            stored.space,
            stored.key,
            record.offset,
            stored.version,
            stored.written_ms,
            int(stored.sealed),
            zlib.crc32(record.value or b""),
            record.value,
        )
        self._versions.append(row)
        return stored.applied


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
