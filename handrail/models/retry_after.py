"""How long a provider asks to be left alone: the Retry-After of an HTTP answer, in either form.

RFC 9110, 10.2.3, has it as seconds or as a date; 5.6.7 has three forms of a date, of which one
names no zone and means UTC. Pure: the time is given.
"""

from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite


def retry_after_s(header: str | None, now_ms: int) -> float:
    """Give the seconds from now on; 0.0 for a date in the past, and for what says nothing.

    What cannot be read asks for no wait: the limiter of the process has one of its own.
    """
    text = (header or "").strip()
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = _seconds_until(text, now_ms)
    return max(0.0, seconds) if isfinite(seconds) else 0.0


def _seconds_until(date: str, now_ms: int) -> float:
    try:
        at = parsedate_to_datetime(date)
        # `asctime` has no zone, and `datetime` would take it for the machine's own.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_ms / 1000
    except (TypeError, ValueError, OverflowError):
        return 0.0
