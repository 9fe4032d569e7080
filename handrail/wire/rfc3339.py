"""Writes times as RFC 3339 in UTC, to the millisecond."""

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(time_ms: int) -> str:
    """Give milliseconds since 1970 as a time such as 2026-01-31T12:00:00.000Z.

    Raises OverflowError, ValueError or OSError outside the years 1 to 9999.
    """
    seconds, ms = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{ms:03}Z"


# Times come close together: nearly all of a second share its text.
@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
