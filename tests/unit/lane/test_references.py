"""Which references a partition has seen lately."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.references import DIGEST_BYTES, REPEAT_WITHIN_MS, SeenReferences, Sighting

HOUR_MS = 3_600_000

#: (hours since the record before, task, record); a record that comes again has its old number
RECORDS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("tuv"), st.integers(0, 9)), max_size=60
)


class Naive:
    """The rule as one would say it: look through all that ever came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, int]] = []  # task, the record carried out, time

    def take(self, task: str, record: str, time_ms: int) -> bool:
        earlier = [one for one in self.came if one[0] == task]
        if earlier and time_ms - earlier[-1][2] < REPEAT_WITHIN_MS:
            carried = earlier[-1][1]
        else:
            carried = record
        self.came.append((task, carried, time_ms))
        return carried == record


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


@given(RECORDS)
def test_the_verdicts_are_those_of_looking_through_everything(
    records: list[tuple[int, str, int]],
) -> None:
    seen, naive = SeenReferences(), Naive()
    now_ms = 0

    for gap, task, number in records:
        now_ms += gap * HOUR_MS
        args = (task, f"{task}{number}", now_ms)
        assert seen.take(*args) == naive.take(*args)


@given(RECORDS, st.integers(0, 60), st.integers(0, 60))
def test_reading_again_what_was_taken_in_changes_no_later_verdict(
    records: list[tuple[int, str, int]], upto: int, back: int
) -> None:
    now_ms, came = 0, list[tuple[str, str, int]]()
    for at, (gap, task, _) in enumerate(records):
        now_ms += gap * HOUR_MS
        came.append((task, f"r{at}", now_ms))
    once, twice = SeenReferences(), SeenReferences()
    for one in came[:upto]:
        once.take(*one)
        twice.take(*one)

    for one in came[max(0, upto - back) : upto]:
        twice.take(*one)

    assert [twice.take(*one) for one in came[upto:]] == [once.take(*one) for one in came[upto:]]


def test_what_is_kept_of_a_reference_is_two_digests_and_a_time() -> None:
    memory: dict[bytes, Sighting] = {}

    SeenReferences(memory).take("a reference of any length" * 20, "\udcff", 5)

    ((task, sighting),) = memory.items()
    assert (len(task), len(sighting.carried), sighting.time_ms) == (DIGEST_BYTES, DIGEST_BYTES, 5)
