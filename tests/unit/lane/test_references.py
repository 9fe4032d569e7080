"""Which references a partition has seen lately."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.references import REPEAT_WITHIN_MS, SeenReferences

HOUR_MS = 3_600_000


def test_a_repeat_within_a_day_is_known_and_after_a_quiet_day_it_is_new() -> None:
    seen = SeenReferences()

    verdicts = [
        seen.take("t", ce_id, hour * HOUR_MS)
        for ce_id, hour in (("a", 0), ("b", 23), ("c", 46), ("d", 70))
    ]

    assert verdicts == [True, False, False, True]


def test_the_record_that_was_taken_in_may_come_again() -> None:
    seen = SeenReferences()
    seen.take("t", "a", 0)
    seen.take("t", "b", 1)

    assert seen.take("t", "a", 2)


@given(st.lists(st.integers(0, 30), max_size=60))
def test_a_successor_that_reads_one_day_back_comes_to_the_same_verdicts(gaps: list[int]) -> None:
    times: list[int] = []
    for gap in gaps:
        times.append((times[-1] if times else 0) + gap * HOUR_MS)
    first = SeenReferences()
    verdicts = [first.take("t", f"r{n}", at) for n, at in enumerate(times)]

    for start, at in enumerate(times):
        successor = SeenReferences()
        for n in range(start):
            if times[n] > at - REPEAT_WITHIN_MS:
                successor.take("t", f"r{n}", times[n])
        assert successor.take("t", f"r{start}", at) == verdicts[start]


def test_what_is_older_than_a_day_costs_nothing() -> None:
    seen = SeenReferences()
    for number in range(1_000):
        seen.take(f"t{number}", "a", number)

    seen.take("new", "a", REPEAT_WITHIN_MS + 2_000)

    assert len(seen) == 1
