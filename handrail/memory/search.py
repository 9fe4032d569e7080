"""Finds records by their words: BM25 over the words that tell records apart.

A word that stands in very many records says little and costs most. So of the words that are looked
for, the rarest count, as many as together stand in at most `MATCHES_COUNT_MAX` records, one always.
"""

from typing import Final

from handrail.memory.indexing import SCOPE_COUNT_MAX, first_of_scope
from handrail.memory.words import owner_of, query_of, words_of
from handrail.store.sqlite import Database, Row

MATCHES_COUNT_MAX: Final = 6_000
SPARE_COUNT: Final = 16  #: ranked beyond what is asked for, in case some may not be seen
MORE_TIMES: Final = 16  #: as many are ranked next when too few could be seen
COUNTED_FOR_MS: Final = 60_000  #: how long it is believed how many records hold a word
COUNTED_WORDS_MAX: Final = 50_000

_RANKED: Final = """
    SELECT r.crc, r.body, -w.score FROM (
        SELECT rowid AS id, bm25(words, 2.0, 1.0) AS score FROM words
        WHERE words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY score LIMIT ?7
    ) w CROSS JOIN record r ON r.id = w.id
    WHERE r.expires_ms > ?4 AND r.found = 1 AND substr(r."key", 1, ?5) = ?6
    ORDER BY w.score, r."key"
"""
_COUNT: Final = """
    SELECT count(*) FROM (
        SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?
    )
"""


class Search:
    """Searches of one database; remembers for a minute how common words are."""

    def __init__(self, database: Database) -> None:
        """Search this one."""
        self._database = database
        self._counts: dict[tuple[int, str], int] = {}
        self._counted_ms = 0

    def ranked(self, space: str, prefix: str, text: str, count: int, now_ms: int) -> list[Row]:
        """Give checksum, body and score of up to `count` records, best first."""
        first = first_of_scope(self._database, space, owner_of(prefix))
        words = words_of(text)
        if first is None or not words:
            return []
        query = query_of(self._telling(first, words, now_ms))
        within = (query, first, first + SCOPE_COUNT_MAX, now_ms, len(prefix), prefix)
        ranked = count + SPARE_COUNT
        while True:
            # The rows are looked at after the ranking, since most of what is ranked is not wanted.
            rows = self._database.rows(_RANKED, (*within, ranked))
            if len(rows) >= count or ranked > MATCHES_COUNT_MAX * SPARE_COUNT:
                return rows[:count]
            if ranked > self._matches(query, first):
                return rows
            ranked *= MORE_TIMES

    def _matches(self, query: str, first: int) -> int:
        """Count the records that match, up to what would be ranked next."""
        row = self._database.rows(
            _COUNT, (query, first, first + SCOPE_COUNT_MAX, MATCHES_COUNT_MAX * SPARE_COUNT)
        )[0]
        assert isinstance(row[0], int)
        return row[0]

    def _telling(self, first: int, words: list[str], now_ms: int) -> list[str]:
        """Give the words by which records are looked for."""
        if not 0 <= now_ms - self._counted_ms < COUNTED_FOR_MS:
            self._counts.clear()
            self._counted_ms = now_ms
        counted = sorted((self._count(first, word), word) for word in words)
        total, found = 0, list[str]()
        for count, word in counted:
            total += count
            if total > MATCHES_COUNT_MAX and found:
                break
            if count:
                found.append(word)
        return found or words[:1]

    def _count(self, first: int, word: str) -> int:
        known = self._counts.get((first, word))
        if known is None:
            row = self._database.rows(
                _COUNT,
                (query_of([word]), first, first + SCOPE_COUNT_MAX, MATCHES_COUNT_MAX + 1),
            )[0]
            assert isinstance(row[0], int)
            known = row[0]
            if len(self._counts) < COUNTED_WORDS_MAX:
                self._counts[first, word] = known
        return known
