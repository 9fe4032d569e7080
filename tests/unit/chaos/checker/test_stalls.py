"""A stall without a fault counts for as long as the recorder looked when it should."""

import pytest

from handrail.chaos.checker.stalls import readers_are_never_stalled_for_long
from handrail.chaos.history import Fault, History, Run, Watermark


def held(every_ms: int, for_ms: int, *faults: Fault) -> History:
    """A partition whose stable end stood still for so long, looked at so often."""
    marks = [
        Watermark(time_ms=at_ms, topic="desk.tasks", partition=0, begin=0, stable=3, end=5)
        for at_ms in range(0, for_ms + 1, every_ms)
    ]
    run = Run(namespace="desk", started_ms=0, ended_ms=60_000)
    return History(run=run, records={}, watermarks=marks, faults=faults)


@pytest.mark.parametrize(
    ("every_ms", "for_ms", "found"), [(500, 2_000, 0), (500, 2_500, 1), (1_250, 2_500, 0)]
)
def test_two_seconds_may_be_where_nothing_has_happened(
    every_ms: int, for_ms: int, found: int
) -> None:
    assert len([*readers_are_never_stalled_for_long(held(every_ms, for_ms))]) == found


def test_a_slow_machine_does_not_explain_a_stall_that_lasts() -> None:
    assert [*readers_are_never_stalled_for_long(held(1_250, 5_000))]


def test_after_a_fault_twenty_seconds_may_be_by_the_clock() -> None:
    fault = Fault(time_ms=0, fault="freeze", target="mixer")

    assert not [*readers_are_never_stalled_for_long(held(500, 20_000, fault))]
    assert [*readers_are_never_stalled_for_long(held(4_000, 24_000, fault))]
