"""Keeps the rows of records and their words together: what is removed is found no more, at once.

A record is indexed with the words of the one before and the one after it in the same source, which
count half. So a change makes up to two others *stale*; they are marked in the same transaction and
indexed before it ends, or, while a view is filled from its beginning, once when all rows are there.
"""

import json
import zlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Final

import orjson

from handrail.memory.opening import Opener, opened_or_none
from handrail.memory.rows import body_of
from handrail.memory.sealing import subject_of
from handrail.memory.tables import CLEAN_WORDS, MERGES, MERGES_FROM
from handrail.memory.words import (
    AROUND_CHARS_MAX,
    owner_of,
    place_of,
    source_of,
    text_of,
)
from handrail.store.sqlite import Database, Row, Value
from handrail.wire.memory import StoredRecord

BATCH_COUNT_MAX: Final = 10_000
#: Records of one owner in one space have numbers that follow one another, so that a search looks
#: at these alone.
SCOPE_COUNT_MAX: Final = 2**32 - 1
NEVER_MS: Final = 2**63 - 1

_BESIDE: Final = """
    (SELECT n.id FROM record n WHERE n.space = r.space AND n.source = r.source
     AND n.place {} r.place AND n.found = 1 ORDER BY n.place {} LIMIT 1)
"""
_ROW: Final = f"""
    SELECT r.id, r.found, {_BESIDE.format("<", "DESC")}, {_BESIDE.format(">", "ASC")} FROM record r
"""  # noqa: S608  # texts of our own
_STALE: Final = f"{_ROW} WHERE r.stale = 1 ORDER BY r.space, r.source, r.place LIMIT ?"
_NAMED: Final = f"{_ROW} WHERE r.id IN (SELECT value FROM json_each(?))"  # noqa: S608  # texts of our own
_PUT: Final = f"""
    INSERT INTO record VALUES (
        (SELECT coalesce(max(id), ?1) + 1 FROM record
         WHERE id BETWEEN ?1 AND ?1 + {SCOPE_COUNT_MAX}),
        ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10
    ) ON CONFLICT (space, "key") DO UPDATE SET
        source = ?4, expires_ms = ?6, found = ?7, stale = 1, sealed = ?8, crc = ?9, body = ?10
"""  # noqa: S608  # a number of our own
_AROUND: Final = """
    UPDATE record SET stale = 1 WHERE id IN (
        SELECT * FROM (SELECT id FROM record WHERE space = ?1 AND source = ?2 AND place < ?3
                       AND found = 1 ORDER BY place DESC LIMIT 1)
        UNION ALL
        SELECT * FROM (SELECT id FROM record WHERE space = ?1 AND source = ?2 AND place > ?3
                       AND found = 1 ORDER BY place LIMIT 1)
    )
"""


class Indexing:
    """Rows of records and their words; the caller has opened a transaction."""

    def __init__(self, database: Database, opener: Opener) -> None:
        """Write to this database."""
        self._database = database
        self._opener = opener
        self._scopes: dict[tuple[str, str], int] = {}
        self._waiting: dict[tuple[str, str], tuple[StoredRecord, bytes]] = {}

    def put(self, stored: StoredRecord, body: bytes) -> None:
        """Put a record in the place of the one before; `flush` writes it."""
        self._waiting[stored.space, stored.key] = (stored, body)

    def flush(self) -> None:
        """Write what was put, all at once."""
        waiting, self._waiting = self._waiting, {}
        for (space, key), old in self._old(waiting).items():
            stored = waiting[space, key][0]
            if old != (source_of(stored), int(is_found(stored))):
                self._database.execute(_AROUND, (space, old[0], place_of(key)))
        self._database.execute_many(_PUT, [self._row(*one) for one in waiting.values()])

    def _old(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[Value, Value]]:
        """Give source and visibility of the rows that are there."""
        by_space: dict[str, list[str]] = {}
        for space, key in places:
            by_space.setdefault(space, []).append(key)
        return {
            (space, str(key)): (source, found)
            for space, keys in by_space.items()
            for key, source, found in self._database.rows(
                'SELECT "key", source, found FROM record WHERE space = ?'
                ' AND "key" IN (SELECT value FROM json_each(?))',
                (space, json.dumps(keys)),
            )
        }

    def _row(self, stored: StoredRecord, body: bytes) -> tuple[Value, ...]:
        return (
            self._scope(stored.space, owner_of(stored.key)),
            stored.space,
            stored.key,
            source_of(stored),
            place_of(stored.key),
            NEVER_MS if stored.expires_ms is None else stored.expires_ms,
            int(is_found(stored)),
            int(stored.sealed),
            zlib.crc32(body),
            body,
        )

    def _scope(self, space: str, owner: str) -> int:
        """Give the number below those of all records of an owner in a space."""
        found = self._scopes.get((space, owner))
        if found is None:
            self._database.execute(
                "INSERT INTO scope (space, owner) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (space, owner),
            )
            found = first_of_scope(self._database, space, owner)
            assert found is not None, "it was just written"
            self._scopes[space, owner] = found
        return found

    def remove(self, space: str, key: str) -> bool:
        """Remove a record and its words; say whether it was about a person."""
        self._waiting.pop((space, key), None)
        row = self._database.first(
            'SELECT id, source, place, sealed FROM record WHERE space = ? AND "key" = ?',
            (space, key),
        )
        if row is None:
            return False
        is_personal = bool(row[3]) or subject_of(key) is not None
        with self._leaving_nothing(of_person=is_personal):
            self._database.execute("DELETE FROM words WHERE rowid = ?", row[:1])
        self._database.execute(_AROUND, (space, *row[1:3]))
        self._database.execute("DELETE FROM record WHERE id = ?", row[:1])
        self._leave_scope(space, owner_of(key))
        return is_personal

    @contextmanager
    def _leaving_nothing(self, *, of_person: bool) -> Generator[None]:
        """Take deleted words out of the index inside, where they are about a person.

        Of everything else they go as the index is merged: taken out with each change, they made
        the change of one record ten times as long.
        """
        if of_person:
            self._database.execute(CLEAN_WORDS, (1,))
        yield
        if of_person:
            self._database.execute(CLEAN_WORDS, (0,))

    def _leave_scope(self, space: str, owner: str) -> None:
        """Let go of a scope that is empty: there is one for each task that ever wrote scratch."""
        first = self._scope(space, owner)
        within = (first, first + SCOPE_COUNT_MAX)
        if not self._database.rows("SELECT 1 FROM record WHERE id BETWEEN ? AND ? LIMIT 1", within):
            del self._scopes[space, owner]
            self._database.execute(
                "DELETE FROM scope WHERE space = ? AND owner = ?", (space, owner)
            )

    def index_rest(self, count_max: int) -> int:
        """Index some of what is stale while a view is filled; give how many were stale."""
        # The pieces that are written in one go are merged by what comes later: a third of it.
        self._database.execute(MERGES, (0,))
        done = self.index_stale(count_max)
        if not done:
            self._database.execute(MERGES, (MERGES_FROM,))
        return done

    def index_stale(self, count_max: int | None = None) -> int:
        """Index what is stale, and what stands beside it; give how many were stale."""
        done = 0
        while count_max is None or done < count_max:
            stale = self._database.rows(
                _STALE, (min(count_max or BATCH_COUNT_MAX, BATCH_COUNT_MAX),)
            )
            if not stale:
                break
            ids = {row[0] for row in stale}
            # What is beside a new record has a new neighbour itself.
            beside = {one for row in stale for one in row[2:] if one is not None} - ids
            rows = [*stale, *self._named(beside)]
            self._index(rows)
            self._database.execute(
                "UPDATE record SET stale = 0 WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
            done += len(stale)
        return done

    def _named(self, ids: Iterable[Value]) -> list[Row]:
        wanted = json.dumps(list(ids))
        return [] if wanted == "[]" else self._database.rows(_NAMED, (wanted,))

    def _index(self, rows: list[Row]) -> None:
        wanted = {one for row in rows for one in (row[0], *row[2:]) if one is not None}
        texts, personal = self._texts(wanted)
        for of_person in (False, True):
            chosen = [row for row in rows if (row[0] in personal) == of_person]
            if chosen:
                with self._leaving_nothing(of_person=of_person):
                    self._write(chosen, texts)

    def _write(self, rows: list[Row], texts: Mapping[Value, str | None]) -> None:
        written: list[tuple[Value, ...]] = []
        removed: list[tuple[Value, ...]] = []
        for number, found, before, after in rows:
            own = texts.get(number)
            if not found or own is None:
                removed.append((number,))
                continue
            around = (
                (texts.get(before) or "")[-AROUND_CHARS_MAX:],
                (texts.get(after) or "")[:AROUND_CHARS_MAX],
            )
            written.append((number, own, "\n".join(around)))
        self._database.execute_many("DELETE FROM words WHERE rowid = ?", removed)
        self._database.execute_many(
            "INSERT OR REPLACE INTO words (rowid, own, around) VALUES (?, ?, ?)", written
        )

    def _texts(self, ids: Iterable[Value]) -> tuple[dict[Value, str | None], set[Value]]:
        """Give the words of records, None when a sealed one cannot be opened; who is about people.

        What is beside a record belongs to the same owner.
        """
        rows = self._database.rows(
            'SELECT id, "key", sealed, crc, body FROM record'
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        found: dict[Value, str | None] = {}
        personal: set[Value] = set()
        for number, key, sealed, *kept in rows:
            found[number] = self._text(body_of(kept, self._database.path))
            if sealed or subject_of(str(key)) is not None:
                personal.add(number)
        return found, personal

    def _text(self, body: bytes) -> str | None:
        facts = orjson.loads(body)  # it was looked into when it was put here
        if not facts.get("sealed"):
            return text_of(facts["key"], facts["value"])
        clear = opened_or_none(StoredRecord.decode(body), self._opener)
        return None if clear is None else text_of(clear.key, clear.value)


def is_found(stored: StoredRecord) -> bool:
    """Say whether a search may give a record."""
    return not stored.quarantined and stored.flagged is None


def first_of_scope(database: Database, space: str, owner: str) -> int | None:
    """Give the number below those of all records of an owner in a space, if it has any."""
    row = database.first("SELECT id FROM scope WHERE space = ? AND owner = ?", (space, owner))
    if row is None:
        return None
    assert isinstance(row[0], int)
    return row[0] * (SCOPE_COUNT_MAX + 1)
