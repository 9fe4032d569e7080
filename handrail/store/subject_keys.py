"""The keys with which values about a person are sealed, and the secret that hides their names.

A subject is known by a digest alone: HMAC-SHA-256 of tenant and name under a secret that lies
beside the keys. Each subject has one random key. Destroying it makes every sealed value about them
unreadable for ever, wherever a copy lies; nothing of the key is left in the file or beside it.

Unlike every other local file this one cannot be made anew from Kafka. It is therefore never moved
aside or begun again, every key is on the disk before it is used, and a backup of it is a backup of
what can be read. A team on several machines gives them one store; `SubjectKeys` is the port to it.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from handrail.errors.store import StoreDamaged, StoreTooNew
from handrail.errors.subject import ErasureUnfinished, KeysUnusable, SubjectHeld
from handrail.store.sealing import KEY_BYTES
from handrail.store.sqlite import BUSY_WAIT_MS, Database, Value

DIGEST_CHARS: Final = 32  #: 128 bits: two subjects never share one
OWNER_ONLY: Final = 0o600

LAYOUTS: Final = (
    """
    CREATE TABLE secret (value BLOB NOT NULL) STRICT;
    CREATE TABLE subject (digest TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID, STRICT;
    CREATE TABLE hold (
        digest TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, since_ms INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    """,
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing of a subject may be forgotten, and who says so."""

    by: str
    reason: str
    since_ms: int


class SubjectKeys(Protocol):
    """The port to wherever keys of subjects are kept: a local file, or a key management service.

    Every process of a team that seals or opens values is given the same keys and the same digests.
    """

    def digest(self, tenant: str, subject: str) -> str:
        """Give the name under which a subject stands in topics; the same for the same person."""
        ...

    def key(self, digest: str) -> bytes:
        """Give a subject's key, made and kept for good if there is none yet."""
        ...

    def find(self, digest: str) -> bytes | None:
        """Give a subject's key; None when there is none, or none any more."""
        ...

    def destroy(self, digest: str) -> bool:
        """Destroy a subject's key; False when there was none. Raises SubjectHeld."""
        ...

    def hold(self, digest: str, hold: Hold) -> None:
        """Forbid `destroy` until it is released; a second hold takes the place of the first."""
        ...

    def release(self, digest: str) -> bool:
        """Allow `destroy` again; False when nothing forbade it."""
        ...

    def held(self, digest: str) -> Hold | None:
        """Say what forbids `destroy`."""
        ...


class LocalKeys:
    """Keys in one SQLite file, for processes of one machine; the file is the owner's alone.

    Methods raise KeysUnusable when the file is damaged or of a newer version, and StoreUnusable
    when it cannot be read or written.
    """

    def __init__(self, path: Path, *, busy_wait_ms: int = BUSY_WAIT_MS) -> None:
        """Open the file, made with a new secret if it is not there."""
        self._path = path
        with _border(path):
            _make_private(path)
            self._database = Database.open(
                path, LAYOUTS, busy_wait_ms=busy_wait_ms, is_precious=True
            )
            try:
                # What is deleted is overwritten with zeros, and a key is on the disk before it is
                # used: a value that was sealed with a lost one could never be read.
                self._database.rows("PRAGMA secure_delete = on")
                self._database.execute("PRAGMA synchronous = full")
                self._secret = self._made_secret()
            except BaseException:
                self._database.close()
                raise

    def digest(self, tenant: str, subject: str) -> str:
        """Give the name under which a subject stands in topics; the same for the same person.

        How a name is spelt makes no difference in capitals, in blanks around it and in how its
        accents are composed.
        """
        name = unicodedata.normalize("NFKC", subject).strip().casefold()
        whole = f"{tenant}\0{name}".encode()
        return hmac.new(self._secret, whole, hashlib.sha256).hexdigest()[:DIGEST_CHARS]

    def key(self, digest: str) -> bytes:
        """Give a subject's key, made and kept for good if there is none yet."""
        found = self.find(digest)
        if found is not None:
            return found
        with _border(self._path), self._database.transaction():
            # Another process may have made it meanwhile.
            row = self._database.first("SELECT key FROM subject WHERE digest = ?", [digest])
            if row is not None:
                return _bytes(row[0])
            made = secrets.token_bytes(KEY_BYTES)
            self._database.execute("INSERT INTO subject VALUES (?, ?)", [digest, made])
        return made

    def find(self, digest: str) -> bytes | None:
        """Give a subject's key; None when there is none, or none any more.

        It is read from the file each time: a key that another process has destroyed is gone here.
        """
        with _border(self._path):
            row = self._database.first("SELECT key FROM subject WHERE digest = ?", [digest])
        return None if row is None else _bytes(row[0])

    def destroy(self, digest: str) -> bool:
        """Destroy a subject's key and its bytes in the file and beside it; False: there was none.

        Raises SubjectHeld, and ErasureUnfinished when the key is gone for everybody but a reader
        in another process keeps its old bytes from being cleared; destroying again clears them.
        """
        with _border(self._path):
            with self._database.transaction():
                self._forbidden(digest)
                # Counted inside the transaction, so that of two who destroy only one has done it.
                had = self._database.first("SELECT 1 FROM subject WHERE digest = ?", [digest])
                self._database.execute("DELETE FROM subject WHERE digest = ?", [digest])
            # SQLite 3.54: the log keeps the page as it was before until it is folded and cut off.
            busy = self._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if busy:
            raise ErasureUnfinished(subject=digest, path=self._path)
        return had is not None

    def hold(self, digest: str, hold: Hold) -> None:
        """Forbid `destroy` until it is released; a second hold takes the place of the first."""
        values: list[Value] = [digest, hold.by, hold.reason, hold.since_ms]
        with _border(self._path), self._database.transaction():
            self._database.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", values)

    def release(self, digest: str) -> bool:
        """Allow `destroy` again; False when nothing forbade it."""
        with _border(self._path), self._database.transaction():
            had = self._database.first("SELECT 1 FROM hold WHERE digest = ?", [digest])
            self._database.execute("DELETE FROM hold WHERE digest = ?", [digest])
        return had is not None

    def held(self, digest: str) -> Hold | None:
        """Say what forbids `destroy`."""
        with _border(self._path):
            row = self._database.first(
                "SELECT by, reason, since_ms FROM hold WHERE digest = ?", [digest]
            )
        return None if row is None else _hold(row)

    def close(self) -> None:
        """Give the file back. Never raises."""
        self._database.close()

    def _made_secret(self) -> bytes:
        with self._database.transaction():
            row = self._database.first("SELECT value FROM secret")
            if row is not None:
                return _bytes(row[0])
            made = secrets.token_bytes(KEY_BYTES)
            self._database.execute("INSERT INTO secret VALUES (?)", [made])
        return made

    def _forbidden(self, digest: str) -> None:
        hold = self.held(digest)
        if hold is not None:
            raise SubjectHeld(
                subject=digest, by=hold.by, since=hold.since_ms, reason=hold.reason, hold=hold
            )


def keys_file(project: Path) -> Path:
    """Say where a project keeps the keys of subjects; its processes and commands share the file."""
    return project / ".handrail" / "keys" / "subject_keys.sqlite"


def _make_private(path: Path) -> None:
    """Create the file for its owner alone before SQLite does it for everybody."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
    except OSError as error:
        raise KeysUnusable(path=path, reason=str(error)) from error


@contextlib.contextmanager
def _border(path: Path) -> Generator[None]:
    """Never let pass the advice that fits other files: to delete it and have it made anew."""
    try:
        yield
    except (StoreDamaged, StoreTooNew) as error:
        raise KeysUnusable(path=path, reason=error.why) from error


def _bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value


def _hold(row: Sequence[Value]) -> Hold:
    by, reason, since_ms = row
    assert isinstance(by, str)
    assert isinstance(reason, str)
    assert isinstance(since_ms, int)
    return Hold(by, reason, since_ms)
