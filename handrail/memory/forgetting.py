"""Takes out of a view what nobody may read any more: versions whose subject's key is gone."""

from handrail.memory.opening import Opener, opened_or_none
from handrail.store.sqlite import Database
from handrail.wire.memory import StoredRecord


def forget_closed(database: Database, opener: Opener, removed: StoredRecord) -> bool:
    """Delete the versions of a removed record that cannot be opened; say whether there were any.

    The caller has opened a transaction. A record that was only removed, whose subject's key is
    still there, keeps its versions, so that the removal can be taken back.
    """
    rows = database.rows(
        'SELECT id, body FROM version WHERE space = ? AND "key" = ? AND sealed = 1',
        (removed.space, removed.key),
    )
    closed = [
        (number,)
        for number, body in rows
        if isinstance(body, bytes) and opened_or_none(StoredRecord.decode(body), opener) is None
    ]
    database.execute_many("DELETE FROM version WHERE id = ?", closed)
    return bool(closed)
