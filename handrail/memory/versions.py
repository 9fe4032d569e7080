"""Reads out of a view's file what plans want to know: every version, and what is on hold."""

from pathlib import Path

from handrail.memory.derivation import Name, name_of
from handrail.memory.rows import record_of
from handrail.memory.tables import opened_beside
from handrail.store.subject_keys import Hold
from handrail.wire.memory import StoredRecord


def every_version(path: Path) -> list[StoredRecord]:
    """Give all versions that are kept, removals too, and present ones older than the history.

    Expired and quarantined ones are among them. Raises StoreDamaged.
    """
    database = opened_beside(path)
    found: dict[Name, StoredRecord] = {}
    try:
        for table in ("version", "record"):
            for row in database.rows(f"SELECT crc, body FROM {table} ORDER BY id"):  # noqa: S608  # our own names
                stored = record_of(row, path)
                found.setdefault(name_of(stored), stored)
    finally:
        database.close()
    return list(found.values())


def hold_on(path: Path, subject: str) -> Hold | None:
    """Give the newest legal hold that the keeper has written on a subject, as `tenant/~digest`."""
    database = opened_beside(path)
    try:
        row = database.first(
            "SELECT by, reason, since_ms FROM hold WHERE subject = ? ORDER BY since_ms DESC",
            (subject,),
        )
    finally:
        database.close()
    if row is None:
        return None
    by, reason, since_ms = row
    assert isinstance(since_ms, int)
    return Hold(str(by), str(reason), since_ms)


def holds_of_subject(path: Path, digest: str) -> bool:
    """Say whether a view's file may hold anything of a subject: in rows, or in its log."""
    database = opened_beside(path)
    owner = f"%/~{digest}/%"
    try:
        due = database.first("SELECT purge_due FROM state")
        if due is not None and due[0]:
            return True
        return any(
            database.first(f'SELECT 1 FROM {table} WHERE "key" LIKE ? AND sealed = 1', [owner])  # noqa: S608  # our own names
            for table in ("record", "version")
        )
    finally:
        database.close()
