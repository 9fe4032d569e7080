"""When somebody should look at a record again: so long after it was written or endorsed."""

from typing import Any

from handrail.contract.memory import Memory
from handrail.wire.memory import StoredRecord


def review_ms(space: Memory[Any], record: StoredRecord) -> int | None:
    """Give the time from which on somebody should look at a record; None for never."""
    review_s = space.rules.review_s
    return None if review_s is None else record.written_ms + round(review_s * 1000)


def is_due(space: Memory[Any], record: StoredRecord, now_ms: int) -> bool:
    """Say whether the time for a look at a record is over."""
    at_ms = review_ms(space, record)
    return at_ms is not None and now_ms > at_ms
