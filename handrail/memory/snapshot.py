"""Copies of a view from which another process starts sooner than from the topics, each checked.

A snapshot is a database file and, beside it, a manifest that is written last: how far it goes, the
layout of its tables, and its SHA-256. One that is not exactly what its manifest says is passed over
and removed, and the topics are read instead; nothing is ever lost with a snapshot.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import orjson
import structlog

from handrail.errors.store import StoreUnusable
from handrail.memory.tables import LAYOUTS, opened_beside
from handrail.store.sqlite import Database

log = structlog.get_logger(__name__)

KEPT_COUNT: Final = 2
BLOCK_BYTES: Final = 1 << 20
LAYOUT: Final = hashlib.sha256("\n".join(LAYOUTS).encode()).hexdigest()

_NAME: Final = "snapshot-"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is."""

    namespace: str
    current_ms: int  #: everything written before is in it
    offsets: dict[str, dict[str, int]]  #: topic → partition → next offset to be read
    layout: str
    size_bytes: int
    sha256: str

    def encode(self) -> bytes:
        """Give it as it lies beside the file."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)


def take_snapshot(source: Path, folder: Path, namespace: str) -> Path:
    """Copy a view's file, whoever writes to it meanwhile, and give the copy.

    The newest two are kept. Of what is older nothing stays, nor of a copy that another process was
    killed over; one that is still being made by somebody slower is given up. Raises `StoreDamaged`,
    `StoreTooNew` and `StoreUnusable`, and `FileNotFoundError` when the copy, or its folder, was
    removed while it was made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = opened_beside(source)
    try:
        with _reserved(folder) as place:
            path = Path(place.name)
            _make(database, path, namespace, place)
    finally:
        database.close()
    number = _number(path)
    oldest = min(sorted(map(_number, folder.glob(f"{_NAME}*.json")))[-KEPT_COUNT:], default=number)
    for old in {_number(found) for found in folder.glob(f"{_NAME}*")}:
        if old < oldest:
            _remove(folder, old)
    return path


def _reserved(folder: Path) -> BinaryIO:
    """Take the next number, which no other process has then."""
    while True:
        number = max((_number(path) for path in folder.glob(f"{_NAME}*")), default=0) + 1
        with contextlib.suppress(FileExistsError):
            return (folder / f"{_NAME}{number}.db").open("xb")


def _make(database: Database, path: Path, namespace: str, place: BinaryIO) -> None:
    """Fill the file of a number that was taken; leave nothing of it where that fails.

    `place` is that file: as long as somebody has it open, nothing else can pass for it. It is
    closed once SQLite has closed its own, which would lose its locks with it.
    """
    try:
        # A reader's snapshot of the write-ahead log: what is written meanwhile is not in it. Each
        # page is read, so that one that is damaged ends it; VACUUM INTO (SQLite 3.54) writes pages
        # before the one that says that they have checksums, and so without.
        database.copy_to(path)
        _write_manifest(path, namespace)
        # SQLite makes a file, and its folder, that it does not find: one by that name says nothing.
        if _is_removed(place):
            raise _gone(path)
    except BaseException as error:
        is_removed = _is_removed(place)
        _remove(path.parent, _number(path))
        if is_removed and isinstance(error, StoreUnusable):
            raise _gone(path) from error
        raise


def _is_removed(place: BinaryIO) -> bool:
    return os.fstat(place.fileno()).st_nlink == 0


def _gone(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "removed while it was made", str(path))


def newest_snapshot(
    folder: Path, namespace: str, current_since_ms: int, now_ms: int
) -> Path | None:
    """Give the newest that is whole and as young as that; remove those that are not whole.

    One from the future was written by another clock: its age cannot be known.
    """
    for path in sorted(folder.glob(f"{_NAME}*.json"), key=_number, reverse=True):
        file = path.with_suffix(".db")
        manifest = _read_manifest(path)
        reason = _fault(file, manifest)
        if reason is not None:
            log.warning("snapshot of memory passed over", file=str(file), why=reason)
            _remove(folder, _number(path))
        elif manifest is not None and manifest.namespace == namespace:
            return file if current_since_ms <= manifest.current_ms <= now_ms else None
    return None


def remove_snapshots(folder: Path) -> int:
    """Remove all, half-written ones too; give how many there were."""
    numbers = {_number(path) for path in folder.glob(f"{_NAME}*")}
    for number in numbers:
        _remove(folder, number)
    return len(numbers)


def _remove(folder: Path, number: int) -> None:
    """Remove a snapshot, its manifest first, and whatever lies beside it."""
    whole = folder / f"{_NAME}{number}.json"
    for path in (whole, *folder.glob(f"{_NAME}{number}.*")):
        path.unlink(missing_ok=True)


def _write_manifest(path: Path, namespace: str) -> None:
    database = opened_beside(path)
    try:
        state = database.rows("SELECT current_ms FROM state")[0]
        offsets: dict[str, dict[str, int]] = {}
        for topic, partition, following in database.rows(
            'SELECT topic, partition, "next" FROM position ORDER BY topic, partition'
        ):
            offsets.setdefault(str(topic), {})[str(partition)] = cast("int", following)
        # Into the file itself: what would stay in a log beside it is not in its digest.
        database.execute("PRAGMA journal_mode = delete")
    finally:
        database.close()
    manifest = Manifest(
        namespace=namespace,
        current_ms=cast("int", state[0]),
        offsets=offsets,
        layout=LAYOUT,
        size_bytes=path.stat().st_size,
        sha256=_digest(path),
    )
    written = path.with_suffix(".json.new")
    written.write_bytes(manifest.encode())
    written.replace(path.with_suffix(".json"))


def _fault(file: Path, manifest: Manifest | None) -> str | None:
    """Say why a snapshot cannot be used, or None."""
    if manifest is None:
        return "its manifest cannot be read"
    if manifest.layout != LAYOUT:
        return "its tables are those of another version"
    if not file.exists() or file.stat().st_size != manifest.size_bytes:
        return "it is not as long as its manifest says"
    if _digest(file) != manifest.sha256:
        return "it is not what was written: its SHA-256 differs"
    return None


def _read_manifest(path: Path) -> Manifest | None:
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        return Manifest(**found)
    except (OSError, TypeError, ValueError):
        return None


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _number(path: Path) -> int:
    digits = path.name.removeprefix(_NAME).partition(".")[0]
    return int(digits) if digits.isdigit() else 0
