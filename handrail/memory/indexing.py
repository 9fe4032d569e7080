"""Keeps the rows of records and their words together: what is removed is found no more, at once.

A record is indexed with the words of the one before and the one after it in the same source, which
count half. So a change makes up to two others *stale*; they are marked in the same transaction and
indexed before it ends, or, while a view is filled from its beginning, once when all rows are there.
"""

import json
import zlib
from collections.abc import Iterable
from typing import Final

from handrail.memory.sealed import SUBJECT_OWNER, Unseal, clear_value
from handrail.memory.words import (
    AROUND_CHARS_MAX,
    place_of,
    scope_of_key,
    source_of,
    text_of,
)
from handrail.store.sqlite import Database, Row
from handrail.wire.memory import StoredRecord

BATCH_COUNT_MAX: Final = 5_000

_BESIDE: Final = """
    (SELECT n.id FROM record n WHERE n.space = r.space AND n.source = r.source
     AND n.place {} r.place AND n.found = 1 ORDER BY n.place {} LIMIT 1)
"""
_ROW: Final = f"""
    SELECT r.id, r.found, {_BESIDE.format("<", "DESC")}, {_BESIDE.format(">", "ASC")} FROM record r
"""  # noqa: S608  # texts of our own
_STALE: Final = f"{_ROW} WHERE r.stale = 1 ORDER BY r.space, r.source, r.place LIMIT ?"
_NAMED: Final = f"{_ROW} WHERE r.id IN (SELECT value FROM json_each(?))"  # noqa: S608  # texts of our own
_PUT: Final = """
    INSERT INTO record (space, "key", scope, source, place, found, stale, sealed, crc, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9)
    ON CONFLICT (space, "key") DO UPDATE SET
        source = ?4, found = ?6, stale = 1, sealed = ?7, crc = ?8, body = ?9
"""
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

    def __init__(self, database: Database, unseal: Unseal) -> None:
        """Write to this database."""
        self._database = database
        self._unseal = unseal

    def put(self, stored: StoredRecord, body: bytes) -> None:
        """Put a record in the place of the one before."""
        space, key, source = stored.space, stored.key, source_of(stored)
        found = not stored.quarantined and stored.flagged is None
        old = self._database.first(
            'SELECT source, place, found FROM record WHERE space = ? AND "key" = ?', (space, key)
        )
        if old is not None and old != (source, old[1], int(found)):
            self._database.execute(_AROUND, (space, old[0], old[1]))
        self._database.execute(
            _PUT,
            (
                space,
                key,
                scope_of_key(space, key),
                source,
                place_of(key),
                int(found),
                int(stored.sealed),
                zlib.crc32(body),
                body,
            ),
        )

    def remove(self, space: str, key: str) -> bool:
        """Remove a record and its words; say whether it was about a person."""
        row = self._database.first(
            'SELECT id, source, place, sealed FROM record WHERE space = ? AND "key" = ?',
            (space, key),
        )
        if row is None:
            return False
        self._database.execute("DELETE FROM words WHERE rowid = ?", row[:1])
        self._database.execute(_AROUND, (space, *row[1:3]))
        self._database.execute("DELETE FROM record WHERE id = ?", row[:1])
        return bool(row[3]) or SUBJECT_OWNER in key

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

    def _named(self, ids: Iterable[object]) -> list[Row]:
        wanted = json.dumps(list(ids))
        return [] if wanted == "[]" else self._database.rows(_NAMED, (wanted,))

    def _index(self, rows: list[Row]) -> None:
        wanted = {one for row in rows for one in (row[0], *row[2:]) if one is not None}
        texts = self._texts(wanted)
        written: list[tuple[object, str, str, str]] = []
        removed: list[tuple[object]] = []
        for number, found, before, after in rows:
            scope, own = texts.get(number, ("", None))
            if not found or own is None:
                removed.append((number,))
                continue
            around = [
                (texts[before][1] or "")[-AROUND_CHARS_MAX:] if before in texts else "",
                (texts[after][1] or "")[:AROUND_CHARS_MAX] if after in texts else "",
            ]
            written.append((number, scope, own, "\n".join(around)))
        self._database.execute_many("DELETE FROM words WHERE rowid = ?", removed)  # type: ignore[arg-type]
        self._database.execute_many(
            "INSERT OR REPLACE INTO words (rowid, scope, own, around) VALUES (?, ?, ?, ?)",
            written,  # type: ignore[arg-type]
        )

    def _texts(self, ids: Iterable[object]) -> dict[object, tuple[str, str | None]]:
        """Give scope and words of records; no words when a sealed one cannot be opened."""
        rows = self._database.rows(
            "SELECT id, scope, body FROM record WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        found: dict[object, tuple[str, str | None]] = {}
        for number, scope, body in rows:
            assert isinstance(body, bytes)
            stored = StoredRecord.decode(body)
            value = clear_value(stored, self._unseal)
            gone = stored.sealed and value is None
            found[number] = (str(scope), None if gone else text_of(stored.key, value))
        return found
