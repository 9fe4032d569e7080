"""Finds the passages of a collection that speak of a question: BM25 in SQLite's FTS5.

Guarantees: an index is built aside and put in place by one rename, so that a half-built one is
never searched; it is named after the SHA-256 of every file in it, so that a changed, added or
deleted file is another index; a file that did not change is not parsed again; several processes
may build at once, and those on POSIX wait for the first one instead. What is found is as old as
the last look at the folder, which every search takes.
"""

import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from desk.collections import Collection, Found, Gone, read_source, walk
from desk.documents import LeftOut, parsers, read_document
from desk.passages import Passage, passages

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: builders do not wait for each other; the rename still decides.
    fcntl = None

#: Written last into an index; one that carries another number is built again.
LAYOUT = 1
#: A search gives at most this many passages of its own, and as many words are searched for.
HITS_MAX, WORDS_MAX = 50, 64
#: So many indexes of one collection are kept on disk: a slow reader may still use the last one.
INDEXES_KEPT = 3
#: What a file gave is forgotten when no index was built from it for so many days.
CUT_DAYS_KEPT = 30

_SCHEMA = """
CREATE TABLE passage (row INTEGER PRIMARY KEY, file TEXT NOT NULL, place INTEGER NOT NULL,
                      body TEXT NOT NULL, UNIQUE (file, place));
CREATE TABLE left_out (source TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE note (text TEXT NOT NULL);
CREATE VIRTUAL TABLE found USING fts5 (text, heading, name, content='',
                                       tokenize='porter unicode61 remove_diacritics 2');
"""
# A word in the text counts more than in a heading, and there more than in the file's name.
_SEARCH = """
SELECT p.file, p.place FROM found JOIN passage p ON p.row = found.rowid
WHERE found MATCH ? ORDER BY bm25(found, 1.0, 0.8, 0.4), p.row LIMIT ?
"""
_COMMON = frozenset(
    """a about an and any are as at be been between but by can could did do does for from had has
    have how i if in into is it its may me might must my of on or our out shall should so such than
    that the their them then there these they this those to us was we were what when where which
    while who whom whose why will with would you your""".split()
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What an index holds: how much, what was left out and why, what was worth a note."""

    files: int
    passages: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


class Library:
    """One collection with its index; one object a process is enough, and threads may share it.

    `home` is the folder in which indexes are kept, such as `.handrail/index`; it is made.
    """

    def __init__(self, collection: Collection, home: Path) -> None:
        """Remember where things are; nothing is read or built yet."""
        self.collection = collection
        self.home = home
        self._seen: tuple[Found | LeftOut, ...] | None = None
        self._sums: dict[Found, str] = {}
        self._path: Path | None = None

    def refresh(self) -> Shelf:
        """Look at the folder, index what changed, and say what is on the shelf.

        Raises OSError when `home` cannot be written.
        """
        return _shelf(self._current())

    def search(self, question: str, hits: int = 8, neighbours: int = 1) -> tuple[Passage, ...]:
        """Find the passages nearest to a question, the best first, each with its neighbours.

        Gives at most `hits` × (1 + 2 × `neighbours`) passages, none twice; none at all when no
        word of the question occurs.
        """
        query = _query(question)
        path = self._current()
        if not query:
            return ()
        with closing(_open(path)) as db:
            rows = db.execute(_SEARCH, (query, min(hits, HITS_MAX))).fetchall()
            places = dict.fromkeys(
                (file, place + step)
                for file, place in rows
                for step in sorted(range(-neighbours, neighbours + 1), key=abs)
            )
            return tuple(_fetch(db, places))

    def mentions(self, word: str) -> bool:
        """Say whether any passage, heading or file name of the collection has a word."""
        query = _query(word)
        path = self._current()
        if not query:
            return False
        with closing(_open(path)) as db:
            return db.execute(_SEARCH, (query, 1)).fetchone() is not None

    def _current(self) -> Path:
        """Give the path of an index of the folder as it is now, building it if there is none."""
        seen = tuple(walk(self.collection))
        # Locals, not attributes, carry the state: two threads may do this side by side.
        path = self._path
        if path is not None and seen == self._seen and path.exists():
            return path
        sums = {
            one: self._sums[one] for one in seen if isinstance(one, Found) and one in self._sums
        }
        gone: list[LeftOut] = []
        for one in seen:
            if isinstance(one, Found) and one not in sums:
                try:
                    sums[one] = sha256(read_source(self.collection, one.source)).hexdigest()
                except Gone as why:
                    gone.append(LeftOut(one.source, _reason(one.source, why)))
        left = (*(one for one in seen if isinstance(one, LeftOut)), *gone)
        path = self._built(sums, left)
        self._seen, self._sums, self._path = seen, sums, path
        return path

    def _built(self, sums: dict[Found, str], left: Sequence[LeftOut]) -> Path:
        listed = [[one.source, total] for one, total in sums.items()]
        said = [[one.source, one.reason] for one in left]
        state = sha256(json.dumps([LAYOUT, parsers(), listed, said]).encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9-]", "_", self.collection.name)
        path = self.home / f"{name}.{state[:32]}.sqlite"
        if path.exists():
            return path
        self.home.mkdir(parents=True, exist_ok=True)
        with _alone(self.home / f"{name}.lock"):
            if not path.exists():
                self._build(path, sums, left)
                _sweep(self.home, name, path)
        return path

    def _build(self, path: Path, sums: dict[Found, str], left: Sequence[LeftOut]) -> None:
        aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.building")
        try:
            with closing(sqlite3.connect(aside, isolation_level=None)) as db:
                # Until the rename nobody reads this file, so it needs no journal of its own.
                db.executescript(
                    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + _SCHEMA
                )
                db.executemany(
                    "INSERT INTO left_out VALUES (?, ?)", [(o.source, o.reason) for o in left]
                )
                for one, total in sums.items():
                    self._add(db, one.source, total)
                db.execute("COMMIT")
                db.execute(f"PRAGMA user_version={LAYOUT}")
            put_in_place(aside, path)
        finally:
            aside.unlink(missing_ok=True)

    def _add(self, db: sqlite3.Connection, source: str, total: str) -> None:
        cut = self._cut(source, total)
        for note in cut.notes:
            db.execute("INSERT INTO note VALUES (?)", (note,))
        if cut.left_out is not None:
            db.execute("INSERT INTO left_out VALUES (?, ?)", (source, cut.left_out))
        for place, passage in enumerate(cut.passages):
            row = db.execute(
                "INSERT INTO passage (file, place, body) VALUES (?, ?, ?)",
                (source, place, passage.model_dump_json()),
            ).lastrowid
            db.execute(
                "INSERT INTO found (rowid, text, heading, name) VALUES (?, ?, ?, ?)",
                (row, passage.text, passage.heading, source),
            )

    def _cut(self, source: str, total: str) -> "_Cut":
        """Read one file's passages, from the last time if neither it nor a parser has changed."""
        key = sha256(json.dumps([parsers(), self.collection.name, source, total]).encode())
        kept = self.home / "files" / f"{key.hexdigest()}.json"
        if kept.exists():
            os.utime(kept)
            return _Cut.load(kept.read_bytes())
        try:
            data = read_source(self.collection, source)
        except Gone as why:
            return _Cut((), (), _reason(source, why))
        document = read_document(source, data)
        if isinstance(document, LeftOut):
            cut = _Cut((), (), document.reason)
        else:
            notes = tuple(f"{source} {note}." for note in document.notes)
            cut = _Cut(passages(document, self.collection.name), notes, None)
        if sha256(data).hexdigest() == total:
            # A file that changed since it was summed is not kept under its former sum.
            write_whole(kept, cut.dump())
        return cut


@dataclass(frozen=True, slots=True)
class _Cut:
    """What one file gave: its passages, or why it gave none."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    left_out: str | None

    def dump(self) -> bytes:
        cut = [passage.model_dump() for passage in self.passages]
        return json.dumps([cut, self.notes, self.left_out]).encode()

    @classmethod
    def load(cls, data: bytes) -> "_Cut":
        cut, notes, left_out = json.loads(data)
        return cls(tuple(Passage.model_validate(one) for one in cut), tuple(notes), left_out)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that under its name there is all of it or none; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.building")
    try:
        aside.write_bytes(data)
        put_in_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def put_in_place(aside: Path, path: Path) -> None:
    """Give a finished file its name, once its bytes are on the disk."""
    _sync(aside, os.O_RDWR)
    aside.replace(path)
    if os.name == "posix":
        _sync(path.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(source: str, why: Gone) -> str:
    return str(why).removeprefix(source).strip().rstrip(".")


def _query(question: str) -> str:
    words = dict.fromkeys(
        word for word in re.findall(r"[^\W_]+", question.lower()) if word not in _COMMON
    )
    return " OR ".join(f'"{word}"' for word in list(words)[:WORDS_MAX])


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _fetch(db: sqlite3.Connection, places: dict[tuple[str, int], None]) -> Iterator[Passage]:
    seen: set[str] = set()
    for file, place in places:
        row = db.execute(
            "SELECT body FROM passage WHERE file = ? AND place = ?", (file, place)
        ).fetchone()
        if row is not None:
            passage = Passage.model_validate_json(row[0])
            # The same file under two names is one source.
            if passage.id not in seen:
                seen.add(passage.id)
                yield passage


def _shelf(path: Path) -> Shelf:
    with closing(_open(path)) as db:
        count, files = db.execute("SELECT count(*), count(DISTINCT file) FROM passage").fetchone()
        left = db.execute("SELECT source, reason FROM left_out ORDER BY source").fetchall()
        notes = db.execute("SELECT text FROM note").fetchall()
    return Shelf(files, count, tuple(LeftOut(*one) for one in left), tuple(n for (n,) in notes))


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Let one builder of a collection work at a time; the lock dies with its process."""
    with path.open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(home: Path, name: str, newest: Path) -> None:
    """Remove all but the last indexes of a collection, and what a killed builder left."""
    kept = sorted(
        (one for one in home.glob(f"{name}.*.sqlite") if one != newest),
        key=lambda one: one.stat().st_mtime_ns,
        reverse=True,
    )
    dead = home.glob(f"{name}.*.building") if fcntl is not None else ()
    oldest = time.time() - CUT_DAYS_KEPT * 24 * 3600
    cuts = (one for one in (home / "files").glob("*.json") if one.stat().st_mtime < oldest)
    for one in (*kept[INDEXES_KEPT - 1 :], *dead, *cuts):
        one.unlink(missing_ok=True)
