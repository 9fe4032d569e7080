"""Which live journal records are written again, and when."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.bounds import COPIED_COUNT_MAX, LaneBounds
from handrail.lane.copying import due_copies

BOUNDS = LaneBounds(journal_records=50, journal_per_live=4)


def test_nothing_is_due_while_there_is_little_to_read() -> None:
    assert due_copies({b"a": 10}, 60, BOUNDS) == ()
    assert due_copies({}, 1_000_000, BOUNDS) == ()


def test_the_oldest_are_due_once_there_is_more_to_read() -> None:
    assert due_copies({b"a": 10, b"b": 30}, 61, BOUNDS) == ((b"a", 10), (b"b", 30))


def test_many_live_records_allow_for_more_to_read() -> None:
    live = {b"%d" % number: number for number in range(100)}

    assert due_copies(live, 400, BOUNDS) == ()
    assert due_copies(live, 401, BOUNDS)[0] == (b"0", 0)
    assert len(due_copies(live, 401, BOUNDS)) == COPIED_COUNT_MAX


@given(
    st.sets(st.integers(0, 500), max_size=60),
    st.lists(st.integers(0, 40), max_size=30),
)
def test_whoever_copies_what_is_due_gets_below_the_bound(
    offsets: set[int], growth: list[int]
) -> None:
    live = {b"%d" % offset: offset for offset in sorted(offsets)}
    end = 501
    for more in [0, *growth]:
        end += more
        rounds = 0
        while due := due_copies(live, end, BOUNDS):
            for key, _ in due:
                del live[key]
                live[key] = end
                end += 1
            rounds += 1
            assert rounds <= 2, "copying never chases its own tail"
        assert end - next(iter(live.values()), end) <= max(50, 4 * len(live))
    assert len(live) == len(offsets), "nothing live is left behind"
