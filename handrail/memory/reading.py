"""Answers questions from a view: the present, an earlier time, every version, what matches words.

Never given are records that have expired, and records in quarantine except to people. Each record
is compared with its checksum and with what was asked for, so that damage of the file is an error
and never another value.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from handrail.contract.memory_reader import NEWEST, AsOf, Found
from handrail.memory.indexing import is_found
from handrail.memory.listing import Within
from handrail.memory.rows import expected, record_of
from handrail.memory.search import Search
from handrail.memory.tables import opened_beside
from handrail.store.sqlite import Row
from handrail.wire.memory import StoredRecord

VERSIONS_COUNT_MAX: Final = 10_000  #: of one key that are given at once, the newest
HITS_COUNT_MAX: Final = 100

_VERSION: Final = 'SELECT crc, body FROM version WHERE space = ? AND "key" = ?'


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
    """Reads a view's file, whoever folds into it. For one thread at a time.

    Values of personal spaces stay sealed: whether a subject was forgotten is for their keys to say.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Methods raise `StoreDamaged` or `StoreUnusable`, as it does."""
        # Whoever fills the file has looked at its log.
        self._database = opened_beside(path, checks_log=False)
        self._search = Search(self._database)

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def get(self, space: str, key: str, asker: Asker, as_of: AsOf = NEWEST) -> StoredRecord | None:
        """Give what is there now or was there, if it may be seen today; None when nothing."""
        if as_of.version is not None:
            row = self._database.first(
                f'{_VERSION} AND number = ? ORDER BY "offset" DESC LIMIT 1',
                (space, key, as_of.version),
            )
        elif as_of.at_ms is not None:
            row = self._database.first(
                f'{_VERSION} AND written_ms <= ? ORDER BY "offset" DESC LIMIT 1',
                (space, key, as_of.at_ms),
            )
        else:
            row = None
        if row is None:
            stored = self._present(space, key, as_of)
        else:
            stored = self._of(row, space, key)
            self._expect(as_of.version in {None, stored.version})
            self._expect(as_of.at_ms is None or stored.written_ms <= as_of.at_ms)
        return stored if stored is not None and asker.may_see(stored) else None

    def _present(self, space: str, key: str, as_of: AsOf) -> StoredRecord | None:
        """Give the newest version, if it is the wanted one: it may be older than the history."""
        row = self._database.first(
            'SELECT crc, body FROM record WHERE space = ? AND "key" = ?', (space, key)
        )
        stored = None if row is None else self._of(row, space, key)
        if stored is None or (as_of.version is not None and as_of.version != stored.version):
            return None
        return None if as_of.at_ms is not None and as_of.at_ms < stored.written_ms else stored

    def history(self, space: str, key: str, asker: Asker) -> list[StoredRecord]:
        """Give every version that is still kept, oldest first; the removals only to people."""
        rows = self._database.rows(
            f'{_VERSION} ORDER BY "offset" DESC LIMIT ?', (space, key, VERSIONS_COUNT_MAX)
        )
        versions = [self._of(row, space, key) for row in reversed(rows)]
        return [
            stored
            for stored in versions
            if asker.may_see(stored) or (stored.removed and asker.is_person)
        ]

    def search(self, space: str, prefix: str, text: str, k: int, asker: Asker) -> list[Found]:
        """Give up to `k` records whose full key begins so and that match, best first.

        The prefix names a tenant at least. Of what belongs to tasks only that is found whose task
        it names.
        """
        count = min(k, HITS_COUNT_MAX)
        if count < 1:
            return []
        rows = self._search.ranked(space, prefix, text, count, asker.now_ms)
        found: list[Found] = []
        for row in rows:
            stored = self._checked(row)
            self._expect(stored.space == space and stored.key.startswith(prefix))
            self._expect(is_found(stored))
            if isinstance(row[2], float) and asker.may_see(stored):
                found.append(Found(stored, row[2]))
        return found

    def page(self, space: str, within: Within, after: str, now_ms: int) -> list[StoredRecord]:
        """Give the next present records after a full key, as people see them; none at the end."""
        rows = within.page(self._database, space, after, now_ms)
        found = [self._checked(row) for row in rows]
        for row, stored in zip(rows, found, strict=True):
            self._expect((stored.space, stored.key) == (space, row[2]))
            self._expect(within.has(stored, after))
            self._expect(stored.expires_ms is None or stored.expires_ms > now_ms)
        return found

    def count(self, space: str, within: Within, now_ms: int) -> int:
        """Count the records that are there, as people see them."""
        return within.count(self._database, space, now_ms)

    def _of(self, row: Row, space: str, key: str) -> StoredRecord:
        stored = self._checked(row)
        self._expect((stored.space, stored.key) == (space, key))
        return stored

    def _checked(self, row: Row) -> StoredRecord:
        return record_of(row, self._database.path)

    def _expect(self, what: bool) -> None:  # noqa: FBT001  # reads as an assertion
        expected(what, self._database.path)
