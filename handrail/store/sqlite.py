"""One SQLite file that several processes share, or a scratch one that nobody else sees.

Readers never wait for a writer (write-ahead log); writers wait for each other. A transaction is
written whole or not at all, through a crash too. A file that is found damaged when it is opened is
moved aside, never deleted, and an empty one takes its place: whoever keeps something here can
make it anew from Kafka. One that is called precious is left where it is. Where pages are checked,
one that is not as it was written is damage, whenever it is read.
"""

import contextlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

import apsw

from handrail.errors.store import StoreDamaged, StoreTooNew, StoreUnusable
from handrail.store.aside import move_aside, tell_aside
from handrail.store.page_checksums import (
    IS_COMPARED,
    RESERVED_BYTES,
    VFS,
    begun_without,
    commits_in_log,
    load_checksums,
)

Value = str | bytes | int | float | None
Row = tuple[Value, ...]

BUSY_WAIT_MS = 10_000  #: how long a writer waits for another before it gives up

_LOG_TRIES: Final = 3  #: it may begin anew between two looks, which takes hundreds of commits
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError)


class _Connection(Protocol):
    """What we use of apsw's connection, in the types that we use it with."""

    in_transaction: bool

    def execute(self, statements: str, bindings: Sequence[Value] | None = None) -> Iterable[Row]:
        """Run statements."""
        ...

    def executemany(
        self, statements: str, sequenceofbindings: Iterable[Sequence[Value]]
    ) -> Iterable[Row]:
        """Run a statement for each row of values."""
        ...

    def reserve_bytes(self, schema: str | None = None, reserve: int = -1) -> int:
        """Set bytes of each page aside, in a file that is empty yet."""
        ...

    def backup(
        self, databasename: str, sourceconnection: "_Connection", sourcedatabasename: str
    ) -> "apsw.Backup":
        """Begin to write another one's pages over all that is here."""
        ...

    def config(self, op: int, *args: int) -> int:
        """Set an option of the connection."""
        ...

    def set_busy_timeout(self, milliseconds: int) -> None:
        """Wait that long for others."""
        ...

    def set_wal_hook(self, callable: Callable[["_Connection", str, int], int] | None) -> None:
        """Call it after each commit, with the pages of the log."""
        ...

    def close(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  # as apsw has it
        """Give the file back."""
        ...


class Database:
    """An open SQLite file. Safe between processes; within one, for one task at a time.

    Every method raises `StoreDamaged` when the file turns out to be damaged and `StoreUnusable`
    when it cannot be read or written (full disk, missing right, or locked beyond
    the time that was given: 10 s if nothing else was).
    """

    def __init__(self, connection: _Connection, path: Path | None) -> None:
        """Wrap an open connection; use `open` or `scratch`."""
        self._connection = connection
        self.path = path  #: None for a scratch database
        self._border = _Border(path)
        self._busy_wait_ms = BUSY_WAIT_MS
        self._checks_pages = False
        self.moved_aside: Path | None = None  #: where a damaged predecessor lies now
        self.log_pages = 0  #: in the log by the last commit; counted once `leave_log` was called

    @classmethod
    def open(
        cls,
        path: Path,
        migrations: Sequence[str],
        *,
        busy_wait_ms: int = BUSY_WAIT_MS,
        is_precious: bool = False,
        checks_pages: bool = False,
    ) -> "Database":
        """Open a file, made if it is not there, and bring its layout up to date.

        The layout's number is how many of `migrations` were applied; those missing are applied
        in order, each whole. Raises `StoreTooNew` when the file knows more of them, and
        `StoreDamaged` when a precious one is damaged. Whoever opens a file that `checks_pages` has
        to say so each time; one that was begun without is taken for damaged.
        """
        _make_folder(path)
        file = _file_number(path)
        try:
            return cls._opened(path, migrations, busy_wait_ms, checks_pages=checks_pages)
        except StoreDamaged as damage:
            if is_precious:
                raise
            is_older = checks_pages and begun_without(path, len(migrations))
            # Another process may have found the same and put a new file in its place already.
            aside = move_aside(path) if _file_number(path) == file else None
            tell_aside(path, aside, damage.why, is_older=is_older)
        database = cls._opened(path, migrations, busy_wait_ms, checks_pages=checks_pages)
        database.moved_aside = aside
        return database

    @classmethod
    def beside(
        cls, path: Path, migrations: Sequence[str], *, checks_log: bool = True
    ) -> "Database":
        """Open a file that `checks_pages` beside whoever else may write to it.

        What is damaged, and the log, are left to them, also when this is closed last. Raises
        `StoreDamaged`; for a log that is not as it was written unless `checks_log` is off.
        """
        _make_folder(path)
        return cls._opened(
            path, migrations, BUSY_WAIT_MS, checks_pages=True, is_beside=True, checks_log=checks_log
        )

    @classmethod
    def _opened(
        cls,
        path: Path,
        migrations: Sequence[str],
        busy_wait_ms: int,
        *,
        checks_pages: bool,
        is_beside: bool = False,
        checks_log: bool = False,
    ) -> "Database":
        with _Border(path):
            if checks_pages:
                load_checksums(path)
            vfs = VFS if checks_pages else None
            connection = cast("_Connection", apsw.Connection(str(path), vfs=vfs))
        database = cls(connection, path)
        database._busy_wait_ms = busy_wait_ms
        database._checks_pages = checks_pages
        try:
            with _Border(path):
                connection.set_busy_timeout(busy_wait_ms)
                if is_beside:
                    # SQLite 3.54: whoever closes last would bring in what can be read of the log,
                    # delete it, and leave no trace of what could not.
                    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                if checks_pages:
                    connection.reserve_bytes("main", RESERVED_BYTES)
                connection.execute("PRAGMA journal_mode = wal")
                connection.execute("PRAGMA synchronous = normal")
            database._check_pages()
            if checks_log:
                database.check_log()
            database._migrate(migrations)
        except BaseException:
            connection.close(force=True)
            raise
        return database

    @contextlib.contextmanager
    def waiting_at_most(self, busy_wait_ms: int) -> Generator[None]:
        """Wait no longer than this for others, and as long as always afterwards."""
        self._connection.set_busy_timeout(busy_wait_ms)
        try:
            yield
        finally:
            self._connection.set_busy_timeout(self._busy_wait_ms)

    def replaced(self, migrations: Sequence[str]) -> "Database":
        """Close this file, move it aside as damaged, and open an empty one in its place."""
        assert self.path is not None, "a scratch database has no file to move"
        self.close()
        aside = move_aside(self.path)
        tell_aside(self.path, aside, "what was read from it cannot be so")
        database = Database.open(self.path, migrations)
        database.moved_aside = aside
        return database

    @classmethod
    def scratch(cls, migrations: Sequence[str]) -> "Database":
        """Open a database of this process alone that vanishes with it; it may grow past memory."""
        # SQLite 3.54: an empty name is a private database that spills into a temporary file.
        with _Border(None):
            database = cls(cast("_Connection", apsw.Connection("")), None)
            database._connection.execute("PRAGMA journal_mode = memory")
            database._connection.execute("PRAGMA synchronous = off")
        database._migrate(migrations)
        return database

    def _migrate(self, migrations: Sequence[str]) -> None:
        if self._layout() == len(migrations):
            return
        with self.transaction():
            found = self._layout()
            if found > len(migrations):
                raise StoreTooNew(path=self.path, found=found, known=len(migrations))
            for script in migrations[found:]:
                self.execute(script)
            self.execute(f"PRAGMA user_version = {len(migrations)}")

    def _layout(self) -> int:
        rows = self.rows("PRAGMA user_version")
        # The table of contents is read too, so that a damaged one is found on opening.
        self.rows("SELECT count(*) FROM sqlite_schema")
        number = rows[0][0]
        assert isinstance(number, int)
        return number

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """Write all or nothing; other writers wait. What is read inside is current."""
        with self._border:
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._check_pages()
            with self._border:
                self._connection.execute("COMMIT")
        except BaseException:
            # SQLite rolls back by itself after some errors; a second one would be another error.
            if self._connection.in_transaction:
                with contextlib.suppress(apsw.Error):  # what went wrong first is what is told
                    self._connection.execute("ROLLBACK")
            raise

    def execute(self, sql: str, values: Sequence[Value] = ()) -> None:
        """Run one statement, or a script of several that takes no values."""
        with self._border:
            for _ in self._connection.execute(sql, values or None):
                pass

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row of values."""
        with self._border:
            for _ in self._connection.executemany(sql, rows):
                pass

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Give all rows of a query; the query says its own limit."""
        with self._border:
            found = list(self._connection.execute(sql, values or None))
        self._check_pages()
        return found

    def first(self, sql: str, values: Sequence[Value] = ()) -> Row | None:
        """Give the first row of a query, or None."""
        # All of them are fetched: an unfinished query would hold its snapshot open.
        return next(iter(self.rows(sql, values)), None)

    def _check_pages(self) -> None:
        """Raise StoreDamaged where checksums are not compared: the head of the file may be damaged.

        Asked after each statement: the head is read again whenever somebody else has written.
        """
        if not self._checks_pages:
            return
        with self._border:
            compared = list(self._connection.execute(IS_COMPARED))
        if compared != [("1",)]:
            raise StoreDamaged(path=self.path, reason="its pages have no checksums")

    def check_log(self) -> None:
        """Raise StoreDamaged where the log holds commits behind a page that cannot be read.

        Some of what they have written may be in the file already, and some not. For whoever has
        just opened a file, before writing to it; others may write meanwhile.
        """
        assert self.path is not None, "a scratch database has no log"
        page_bytes = self.rows("PRAGMA page_size")[0][0]
        assert isinstance(page_bytes, int)
        for number in range(_LOG_TRIES):
            # Whoever commits writes to the log first, and says so to others a moment later.
            with self.transaction() if number else contextlib.nullcontext():
                commits = commits_in_log(self.path, page_bytes)
            pages = self.rows("PRAGMA wal_checkpoint(NOOP)")[0][1]
            assert isinstance(pages, int)
            if commits <= max(pages, 0):
                return
        raise StoreDamaged(path=self.path, reason="its log is not as it was written")

    def copy_to(self, path: Path) -> None:
        """Copy the file page by page as it is now, whoever writes meanwhile, into one not there."""
        to = Database.open(path, (), checks_pages=self._checks_pages)
        try:
            # SQLite 3.54: pages get checksums once a first one has said so. Those that lie in
            # memory have none, and a copy is written in no order.
            to.execute("PRAGMA journal_mode = delete")
            to.execute("PRAGMA user_version = 1")
            with self._border, to._connection.backup("main", self._connection, "main") as copy:  # noqa: SLF001  # it is one of these
                copy.step(-1)
        finally:
            to.close()

    def leave_log(self) -> None:
        """Bring no commit's log into the file any more, and count it; see `bring_log_in`."""
        # SQLite 3.54: its own way of doing so after 1,000 pages is this hook too.
        self._connection.set_wal_hook(self._count_log)

    def _count_log(self, _: _Connection, name: str, pages: int) -> int:
        del name
        self.log_pages = pages
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Give the file back. Never raises; closing twice is nothing."""
        self._connection.close(force=True)


def bring_log_in(path: Path) -> None:
    """Write what the log of a file holds into the file, and both to the disk.

    Through a connection of its own: whoever reads or writes meanwhile does not wait. Once all of
    the log was brought in, and nobody reads from it, the next commit begins it anew. A file that is
    not there is not made. Raises `StoreDamaged` and `StoreUnusable`.
    """
    with _Border(path):
        flags = apsw.SQLITE_OPEN_READWRITE
        connection = cast("_Connection", apsw.Connection(str(path), flags=flags))
        try:
            connection.execute("PRAGMA synchronous = normal")
            for _ in connection.execute("PRAGMA wal_checkpoint(PASSIVE)"):
                pass
        finally:
            connection.close(force=True)


class _Border:
    """Turns what SQLite raises into the store's own errors. Entered for each statement."""

    __slots__ = ("_path",)

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        del kind, trace
        if error is None:
            return
        path = self._path
        is_other = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
        if isinstance(error, _DAMAGE) or is_other:
            raise StoreDamaged(path=path, reason=str(error)) from error
        if isinstance(error, apsw.Error):
            reason = _REASONS.get(type(error), str(error))
            folder = path.parent if path else tempfile.gettempdir()
            raise StoreUnusable(path=path or "(scratch)", folder=folder, reason=reason) from error


_REASONS: Final[dict[type[Exception], str]] = {
    apsw.FullError: "the disk is full.",
    apsw.ReadOnlyError: "it may not be written to.",
    apsw.CantOpenError: "it cannot be opened: its folder is missing or may not be entered.",
    apsw.BusyError: "another process has kept it locked for as long as we may wait.",
}


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(path=path, folder=path.parent, reason=str(error)) from error


def _file_number(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
