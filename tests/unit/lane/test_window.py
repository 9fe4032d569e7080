"""Counting within the last seconds, and tables that stay small."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.newest import Newest
from handrail.lane.window import Window

SPAN_S = 5


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 1)), max_size=60))
def test_the_young_are_counted_and_the_old_are_not(events: list[tuple[int, int]]) -> None:
    window, now_ms, seen = Window(SPAN_S, 2), 0, list[tuple[int, int]]()
    for gap_ms, kind in events:
        now_ms += gap_ms
        window.add(kind, now_ms)
        seen.append((now_ms, kind))

        for asked in (0, 1):
            ages = [now_ms - at for at, of in seen if of == asked]
            counted = window.totals(now_ms)[asked]
            assert sum(age <= (SPAN_S - 1) * 1_000 for age in ages) <= counted
            assert counted <= sum(age < SPAN_S * 1_000 for age in ages)


def test_the_oldest_leaves_when_it_is_said_to() -> None:
    window = Window(SPAN_S, 1)
    window.add(0, 2_700)
    window.add(0, 4_000)

    leaves_ms = window.leaves_ms(0, 4_100)

    assert leaves_ms == 7_000
    assert window.totals(6_999) == (2,)
    assert window.totals(7_000) == (1,)


def test_a_clock_that_goes_back_stands_still() -> None:
    window = Window(SPAN_S, 1)
    window.add(0, 9_000)
    window.add(0, 1_000)

    assert window.totals(9_000) == (2,)
    assert window.leaves_ms(0, 0) == 14_000


@given(st.lists(st.integers(0, 20), max_size=100))
def test_a_table_holds_the_newest_and_no_more(keys: list[int]) -> None:
    table: Newest[int, object] = Newest(object, 3)
    order: list[int] = []
    for key in keys:
        held = {k: table._held[k] for k in order[-3:]}

        thing = table.of(key)

        assert held.get(key, thing) is thing
        order = [k for k in order if k != key] + [key]
        assert len(table) == min(3, len(order))
        order = order[-3:]
