"""Takes out of the rows of a view's file what was written there, or raises StoreDamaged."""

import zlib
from collections.abc import Sequence
from pathlib import Path

from handrail.errors.memory import MemoryRecordInvalid
from handrail.errors.store import StoreDamaged
from handrail.store.sqlite import Value
from handrail.wire.memory import AppliedMark, StoredRecord


def body_of(row: Sequence[Value], path: Path | None) -> bytes:
    """Give the body out of checksum and body. Raises StoreDamaged."""
    crc, body = row[0], row[1]
    if not isinstance(body, bytes) or zlib.crc32(body) != crc:
        raise StoreDamaged(path=path, reason="a record is not as it was written")
    return body


def record_of(row: Sequence[Value], path: Path | None) -> StoredRecord:
    """Give the record out of checksum and body. Raises StoreDamaged."""
    try:
        return StoredRecord.decode(body_of(row, path))
    except MemoryRecordInvalid as error:
        # It was looked into before it was written here, so nobody else has written it.
        raise StoreDamaged(path=path, reason="a record cannot be read") from error


def mark_of_commands(applied: Value, body: Value, path: Path | None) -> AppliedMark:
    """Give the mark out of its row. Raises StoreDamaged."""
    try:
        mark = AppliedMark.decode(body if isinstance(body, bytes) else None)
    except MemoryRecordInvalid as error:
        raise StoreDamaged(path=path, reason="a mark cannot be read") from error
    if mark.applied != applied:
        raise StoreDamaged(path=path, reason="a mark is not as it was written")
    return mark


def expected(what: bool, path: Path | None) -> None:  # noqa: FBT001  # reads as an assertion
    """Raise StoreDamaged unless so: the file has led to another record than was asked for."""
    if not what:
        raise StoreDamaged(path=path, reason="a record stands where another one belongs")
