"""Answers questions from a view: the present, an earlier time, every version, what matches words.

Never given are records that have expired and records in quarantine, the second except to people;
nor sealed ones whose subject's key is gone. Each row is compared with its checksum, so that damage
of the file is an error and never another value.
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from handrail.errors.store import StoreDamaged
from handrail.memory.sealed import Unseal, clear_value, never
from handrail.memory.tables import LAYOUTS
from handrail.memory.words import query_of, scope_of
from handrail.store.sqlite import Database, Row
from handrail.wire.memory import StoredRecord

VERSIONS_COUNT_MAX: Final = 10_000  #: of one key that are given at once, the newest
HITS_COUNT_MAX: Final = 100
SPARE_COUNT: Final = 8  #: ranked beyond what is asked for, in case some may not be seen

_RANKED: Final = """
    SELECT r.crc, r.body, -w.score FROM (
        SELECT rowid AS id, rank AS score FROM words WHERE words MATCH ?1
        ORDER BY rank LIMIT ?2 OFFSET ?3
    ) w JOIN record r ON r.id = w.id ORDER BY w.score, r."key"
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A record that a search found, its value clear; a higher score is a better match."""

    record: StoredRecord
    score: float


@dataclass(frozen=True, slots=True)
class Asker:
    """When somebody asks, and whether it is a person, who sees what is in quarantine too."""

    now_ms: int
    is_person: bool = False

    def may_see(self, stored: StoredRecord) -> bool:
        """Say whether a version may be given to this asker."""
        expired = stored.expires_ms is not None and stored.expires_ms <= self.now_ms
        return not expired and not stored.removed and (self.is_person or not stored.quarantined)


class Reader:
    """Reads a view's file, whoever folds into it. For one thread at a time."""

    def __init__(self, path: Path, unseal: Unseal = never) -> None:
        """Open the file. Methods raise `StoreDamaged` or `StoreUnusable`, as it does."""
        self._database = Database.open(path, LAYOUTS)
        self._unseal = unseal

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def get(
        self, space: str, key: str, asker: Asker, *, as_of: int | None = None
    ) -> StoredRecord | None:
        """Give what is there now, or version `as_of`; its value is clear. None: there is none."""
        if as_of is None:
            row = self._database.first(
                'SELECT crc, body FROM record WHERE space = ? AND "key" = ?', (space, key)
            )
        else:
            row = self._database.first(
                'SELECT crc, body FROM version WHERE space = ? AND "key" = ? AND number = ?'
                ' ORDER BY "offset" DESC LIMIT 1',
                (space, key, as_of),
            )
        return self._given(row, asker)

    def get_at(self, space: str, key: str, asker: Asker, at_ms: int) -> StoredRecord | None:
        """Give the version that was there at a time, if it had not expired then or since."""
        row = self._database.first(
            'SELECT crc, body FROM version WHERE space = ? AND "key" = ? AND written_ms <= ?'
            ' ORDER BY "offset" DESC LIMIT 1',
            (space, key, at_ms),
        )
        return self._given(row, asker)

    def history(self, space: str, key: str, asker: Asker) -> list[StoredRecord]:
        """Give every version that is still kept, oldest first; the removals only to people."""
        rows = self._database.rows(
            'SELECT crc, body FROM version WHERE space = ? AND "key" = ?'
            ' ORDER BY "offset" DESC LIMIT ?',
            (space, key, VERSIONS_COUNT_MAX),
        )
        found: list[StoredRecord] = []
        for row in reversed(rows):
            stored = self._checked(row)
            if stored.removed and asker.is_person:
                found.append(stored)
            elif (given := self._opened(stored, asker)) is not None:
                found.append(given)
        return found

    def search(
        self,
        spaces: Collection[str],
        tenant: str,
        text: str,
        k: int,
        asker: Asker,
        *,
        task: str | None = None,
    ) -> list[Found]:
        """Give up to `k` records of these spaces that match any word of a text, best first.

        Only of this tenant; of what belongs to tasks, only of `task`.
        """
        scopes = [scope_of(space, tenant, whose) for space in spaces for whose in {None, task}]
        query = query_of(scopes, text)
        count = min(k, HITS_COUNT_MAX)
        if query is None or not scopes or count < 1:
            return []
        found: list[Found] = []
        looked_at = 0
        # Ranked without a look at the rows; what may not be seen is left out here, and then more
        # are asked for.
        limit = count + SPARE_COUNT
        while True:
            rows = self._database.rows(_RANKED, (query, limit, looked_at))
            for row in rows:
                stored = self._given(row, asker)
                if stored is not None and isinstance(row[2], float):
                    found.append(Found(stored, row[2]))
            looked_at += len(rows)
            if len(found) >= count or len(rows) < limit:
                return found[:count]
            limit *= 4

    def _given(self, row: Row | None, asker: Asker) -> StoredRecord | None:
        return None if row is None else self._opened(self._checked(row), asker)

    def _opened(self, stored: StoredRecord, asker: Asker) -> StoredRecord | None:
        if not asker.may_see(stored):
            return None
        value = clear_value(stored, self._unseal)
        if stored.sealed and value is None:
            return None
        return replace(stored, value=value) if stored.sealed else stored

    def _checked(self, row: Row) -> StoredRecord:
        crc, body = row[0], row[1]
        if not isinstance(body, bytes) or zlib.crc32(body) != crc:
            raise StoreDamaged(
                path=self._database.path, reason="a record differs from its checksum"
            )
        return StoredRecord.decode(body)
