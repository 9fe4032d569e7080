"""How long the other side asks to be left alone: the Retry-After of an HTTP answer, in either form.

RFC 9110, 10.2.3, has it as seconds or as a date; 5.6.7 has three forms of a date, of which one
names no zone and means UTC. Pure: the time is given, or is the one that the answer itself names
(`Date`, 6.6.1), so that a clock that differs from the server's does not count.
"""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final, SupportsFloat, cast

#: Nobody waits for longer; a larger number may be one that no record can hold.
WAIT_S_MAX: Final = 10 * 366 * 86_400.0


def retry_after_s(header: str | None, now_ms: int) -> float:
    """Give the seconds from now on; 0.0 for a date in the past, and for what says nothing.

    What cannot be read asks for no wait: the limiter of the process has one of its own.
    """
    text = (header or "").strip()
    try:
        seconds = float(text or 0)
    except ValueError:
        at_s = _date_s(text)
        seconds = 0.0 if at_s is None else at_s - now_ms / 1000
    return bounded_s(seconds) or 0.0


def bounded_s(seconds: object) -> float | None:
    """Give a time to wait, at most WAIT_S_MAX; None for what is none, such as NaN or less than 0.

    Never raises: whoever is asked to wait has the number from somebody else.
    """
    try:
        wait_s = float(cast("SupportsFloat", seconds))
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return WAIT_S_MAX if cast("int", seconds) > 0 else None
    return min(wait_s, WAIT_S_MAX) if isfinite(wait_s) and wait_s >= 0 else None


def wait_asked_s(header: Callable[[str], object]) -> float | None:
    """Give what an answer asks for by its own time; None where it asks for no wait that is known.

    `header` gives a header by its name in lower case. A date in an answer that does not say when it
    was made is not known.
    """
    text, made = header("retry-after"), header("date")
    made_s = _date_s(made) if isinstance(made, str) else None
    if not isinstance(text, str | int | float) or (made_s is None and _date_s(str(text))):
        return None
    return retry_after_s(str(text), round((made_s or 0) * 1_000)) or None


def _date_s(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
        # `asctime` has no zone, and `datetime` would take it for the machine's own.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
