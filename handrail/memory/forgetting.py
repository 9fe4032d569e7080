"""Takes out of a view what has to go: versions that nobody can open, old ones, its log."""

from typing import Final

from handrail.memory.opening import Opener, opened_or_none
from handrail.memory.rows import record_of
from handrail.store.sqlite import Database, Row
from handrail.wire.memory import StoredRecord

PURGE_WAIT_MS: Final = 200  #: for readers, by whoever follows and would stand still

#: Space by space, so that the index on space and key leads to the few rows of one subject.
_OF_SUBJECT: Final = """
    WITH RECURSIVE spaces (space) AS (
        SELECT min(space) FROM version
        UNION ALL
        SELECT (SELECT min(space) FROM version WHERE space > spaces.space) FROM spaces
        WHERE spaces.space IS NOT NULL
    )
    SELECT v.id, v.crc, v.body FROM spaces JOIN version v ON v.space = spaces.space
    WHERE v."key" >= ?1 AND v."key" < ?2 AND v.sealed = 1
"""


def forget_closed(database: Database, opener: Opener, removed: StoredRecord) -> bool:
    """Delete the versions of a removed record that cannot be opened; say whether there were any.

    The caller has opened a transaction. A record that was only removed, whose subject's key is
    still there, keeps its versions, so that the removal can be taken back.
    """
    rows = database.rows(
        'SELECT id, crc, body FROM version WHERE space = ? AND "key" = ? AND sealed = 1',
        (removed.space, removed.key),
    )
    return _delete_closed(database, opener, rows)


def forget_closed_of(database: Database, opener: Opener, subject: str) -> None:
    """Delete every version about a subject, `tenant/~digest`, that cannot be opened, likewise."""
    first, last = f"{subject}/", f"{subject}0"  # "0" comes right after "/"
    rows = database.rows(_OF_SUBJECT, (first, last))
    _delete_closed(database, opener, rows)


def drop_versions(database: Database, before_ms: int, count_max: int) -> int:
    """Delete versions that were written before then, the oldest first; give how many went.

    In a transaction of its own. A record that is there stays, with its newest version.
    """
    with database.transaction():
        rows = database.rows(
            "DELETE FROM version WHERE id IN (SELECT id FROM version WHERE written_ms < ?"
            " ORDER BY written_ms LIMIT ?) RETURNING id",
            (before_ms, count_max),
        )
    return len(rows)


def purged(database: Database) -> bool:
    """Leave nothing of what was deleted in the log; False when somebody reads from it."""
    if not _cut_log(database):
        return False
    # Noted last: whoever opens the file after a crash in between does it again.
    database.execute("UPDATE state SET purge_due = 0")
    _cut_log(database)
    return True


def _cut_log(database: Database) -> bool:
    with database.waiting_at_most(PURGE_WAIT_MS):
        return not database.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]


def _delete_closed(database: Database, opener: Opener, rows: list[Row]) -> bool:
    closed = [
        (number,)
        for number, *kept in rows
        if opened_or_none(record_of(kept, database.path), opener) is None
    ]
    database.execute_many("DELETE FROM version WHERE id = ?", closed)
    return bool(closed)
