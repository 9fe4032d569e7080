"""The references that a partition has seen, in SQLite: a file that lasts, a table that lives.

The file is a cache of the partition and says up to which offset it holds everything; the record
that it names tells a partition that was made anew from the one it was filled from. Nobody decides
by the file: a lane copies it once, when it opens. So a file may be deleted or emptied at any time,
and may be written by a process that has lost the lane: what is written comes from below a committed
offset, is taken only where it joins without a gap, and never takes the place of anything later.
"""

import contextlib
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from handrail.errors.store import StoreDamaged
from handrail.store.sqlite import Database, Value

LAYOUTS: Final = (
    """
    CREATE TABLE fill (
        token BLOB NOT NULL, upto INTEGER NOT NULL, last INTEGER, mark BLOB
    ) STRICT;
    CREATE TABLE seen (
        task BLOB PRIMARY KEY, time_ms INTEGER NOT NULL, carried BLOB NOT NULL
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX seen_time ON seen (time_ms);
    """,
)
BUSY_WAIT_MS: Final = 500  #: a lane does not wait long for a cache
SWEPT_PER_ROW_COUNT: Final = 4  #: old rows deleted for each that is written, so that none pile up
SWEPT_COUNT_MIN: Final = 100

_PUT: Final = """
    INSERT INTO seen VALUES (?, ?, ?)
    ON CONFLICT (task) DO UPDATE SET time_ms = excluded.time_ms, carried = excluded.carried
"""
_COPY: Final = "INSERT INTO main.seen SELECT * FROM file.seen WHERE +time_ms > ?"
# With the plus sign SQLite 3.54 reads the rows in the order in which they lie, not by the index of
# times; and to sort the times once is faster than to place each one. Together five times as fast.
_NO_INDEX: Final = "DROP INDEX main.seen_time"
_INDEX: Final = "CREATE INDEX main.seen_time ON seen (time_ms)"
_SWEEP: Final = """
    DELETE FROM seen WHERE task IN
        (SELECT task FROM seen WHERE time_ms <= ? ORDER BY time_ms LIMIT ?)
"""


class Seen(NamedTuple):
    """A row: a task's digest, when it was seen last, the digest of the record carried out."""

    task: bytes
    time_ms: int
    carried: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """What a file covers: all below `upto`; `mark` is of the record at `last`."""

    upto: int
    last: int
    mark: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What was seen from `start` up to where `extent` ends, in the order of the partition."""

    start: int
    extent: Extent
    rows: Sequence[tuple[int, Seen]]  #: (offset, row)
    older_than_ms: int  #: rows that are not younger may go


class ReferenceTable:
    """Sightings of one open lane: small ones in memory, many in a temporary file of SQLite's own.

    It holds about 2 MB of memory, however many rows it has. Methods raise `StoreUnusable` when the
    temporary files' disk is full.
    """

    def __init__(self) -> None:
        """Hold nothing; nothing is opened before the first row."""
        self._database: Database | None = None

    def get(self, task: bytes) -> Seen | None:
        """Give a task's row, or None."""
        if self._database is None:
            return None
        row = self._database.first("SELECT task, time_ms, carried FROM seen WHERE task = ?", [task])
        return None if row is None else _seen(row)

    def put(self, rows: Sequence[Seen], older_than_ms: int) -> None:
        """Put these rows in the place of earlier ones, and let old ones go."""
        if self._database is None:
            self._database = Database.scratch(LAYOUTS)
        with self._database.transaction():
            _put(self._database, rows, older_than_ms)

    def copy_from(self, path: Path, older_than_ms: int) -> tuple[Value, Extent | None]:
        """Take over what is young enough in a file; give the file's token and what it covers.

        The rows are exactly those of the extent, as nobody writes to the file meanwhile.
        """
        if self._database is None:
            self._database = Database.scratch(LAYOUTS)
        database = self._database
        database.execute(f"PRAGMA busy_timeout = {BUSY_WAIT_MS}")
        database.execute("ATTACH DATABASE ? AS file", [str(path)])
        try:
            with database.transaction():
                token, extent = _fill(database, "file.fill")
                if extent is not None:
                    database.execute(_NO_INDEX)
                    database.execute(_COPY, [older_than_ms])
                    database.execute(_INDEX)
                return token, extent
        finally:
            database.execute("DETACH DATABASE file")

    def count(self) -> int:
        """How many rows there are."""
        return 0 if self._database is None else _count(self._database)

    def close(self) -> None:
        """Forget everything. Never raises."""
        if self._database is not None:
            self._database.close()
            self._database = None


class ReferenceFile:
    """The cache of one lane. Methods raise `StoreDamaged` or `StoreUnusable`, as its file does."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there. Raises `StoreTooNew`."""
        self._path = path
        self._database = Database.open(path, LAYOUTS, busy_wait_ms=BUSY_WAIT_MS)
        self._token: Value = None

    def copy_to(self, table: ReferenceTable, older_than_ms: int) -> Extent | None:
        """Copy what is young enough into an empty table, and say what the copy covers.

        None when the file covers nothing that could be checked; then nothing is copied.
        """
        with self._set_aside_if_damaged():
            self._token, extent = table.copy_from(self._path, older_than_ms)
        return extent

    def begin_at(self, start: int) -> None:
        """Empty the file; it covers nothing up to `start`, and whoever filled it fills no more."""
        self._token = secrets.token_bytes(16)
        with self._set_aside_if_damaged(), self._database.transaction():
            self._database.execute("DELETE FROM seen")
            self._database.execute("DELETE FROM fill")
            self._database.execute(
                "INSERT INTO fill VALUES (?, ?, NULL, NULL)", [self._token, start]
            )

    def write(self, batch: Batch) -> bool:
        """Add what was seen; False when the file was begun anew by another, or would have a gap."""
        database = self._database
        with self._set_aside_if_damaged(), database.transaction():
            row = database.first("SELECT token, upto FROM fill")
            if row is None or row[0] != self._token:
                return False
            upto = row[1]
            assert isinstance(upto, int)
            if upto < batch.start:
                return False
            if upto >= batch.extent.upto:
                return True
            rows = [seen for offset, seen in batch.rows if offset >= upto]
            _put(database, rows, batch.older_than_ms)
            extent = batch.extent
            database.execute(
                "UPDATE fill SET upto = ?, last = ?, mark = ?",
                [extent.upto, extent.last, extent.mark],
            )
        return True

    def extent(self) -> Extent | None:
        """Say what the file covers; None when it covers nothing that could be checked."""
        return _fill(self._database, "fill")[1]

    def count(self) -> int:
        """How many references the file knows."""
        return _count(self._database)

    def close(self) -> None:
        """Give the file back. Never raises."""
        self._database.close()

    @contextlib.contextmanager
    def _set_aside_if_damaged(self) -> Generator[None]:
        """See to it that the next one to open the file does not meet the same damage."""
        try:
            yield
        except StoreDamaged:
            self._database = self._database.replaced(LAYOUTS)
            raise


def _put(database: Database, rows: Sequence[Seen], older_than_ms: int) -> None:
    database.execute_many(_PUT, rows)
    limit = max(SWEPT_COUNT_MIN, SWEPT_PER_ROW_COUNT * len(rows))
    database.execute(_SWEEP, [older_than_ms, limit])


def _fill(database: Database, table: str) -> tuple[Value, Extent | None]:
    row = database.first(f"SELECT token, upto, last, mark FROM {table}")  # noqa: S608  # our names
    if row is None or row[3] is None:
        return None, None
    token, upto, last, mark = row
    assert isinstance(upto, int)
    assert isinstance(last, int)
    assert isinstance(mark, bytes)
    return token, Extent(upto, last, mark)


def _seen(row: Sequence[Value]) -> Seen:
    task, time_ms, carried = row
    assert isinstance(task, bytes)
    assert isinstance(time_ms, int)
    assert isinstance(carried, bytes)
    return Seen(task, time_ms, carried)


def _count(database: Database) -> int:
    count = database.rows("SELECT count(*) FROM seen")[0][0]
    assert isinstance(count, int)
    return count
