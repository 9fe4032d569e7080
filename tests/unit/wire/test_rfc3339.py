"""Times are written as everybody reads them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handrail.wire.codec import TIME_MS_MAX
from handrail.wire.rfc3339 import rfc3339


def test_milliseconds_are_always_three_digits() -> None:
    assert rfc3339(7) == "1970-01-01T00:00:00.007Z"
    assert rfc3339(1_769_860_800_000) == "2026-01-31T12:00:00.000Z"


@given(st.integers(0, TIME_MS_MAX))
def test_python_reads_the_same_moment_back(time_ms: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    assert datetime.fromisoformat(rfc3339(time_ms)) == epoch + timedelta(milliseconds=time_ms)
