"""Which versions of a key count: neither what was taken back, nor the taking back itself.

Whoever takes back leaves a new version that says what an earlier one said. For what comes later it
is that earlier one, so nothing that was taken back is ever gone back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from handrail.memory.asked import KEEPER
from handrail.wire.memory import StoredRecord


@dataclass(frozen=True, slots=True)
class Standing:
    """One version that counts."""

    written: StoredRecord  #: as its writer wrote it
    now: StoredRecord  #: the same, or the newest version that gave it back


def standing(history: Sequence[StoredRecord]) -> list[Standing]:
    """Give the versions of one key that count, in their order; the last one holds what is there."""
    line: list[Standing] = []
    for record in history:
        at = _given_back(record, line)
        if at is not None:
            line[at:] = [Standing(line[at].written, record)]
        elif record.removed and record.rollback_of is not None:
            line = [Standing(record, record)]
        else:
            line.append(Standing(record, record))
    return line


def _given_back(record: StoredRecord, line: Sequence[Standing]) -> int | None:
    if record.rollback_of is None or record.builds_on is None:
        return None
    found = [n for n, one in enumerate(line) if one.now.version == record.builds_on]
    return found[-1] if found else None


def is_expiry(record: StoredRecord) -> bool:
    """Say whether a version only says that the time of the one before was over."""
    return record.removed and record.agent == KEEPER


def is_over(one: Standing, following: Standing) -> bool:
    """Say whether a version had ended before anybody wrote again: it expired or was taken back."""
    return is_expiry(following.now) or following.now.rollback_of == one.now.version
