"""Whose turn it is, for every order in which work comes and ends."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.weighing import HIGH_FOR_EACH_NORMAL, Weighing, Work
from handrail.wire.priority import Priority

IDLE = Work(waits=False, startable=False, running=0)
BOTH = Work(waits=True, startable=True, running=0)


def starts(weighing: Weighing, high: Work, normal: Work, count: int) -> list[Priority | None]:
    found: list[Priority | None] = []
    for _ in range(count):
        turn = weighing.turn(high, normal)
        if turn is not None:
            weighing.started(turn)
        found.append(turn)
    return found


def test_where_both_can_start_four_of_high_priority_start_for_each_other_one() -> None:
    cycle = [*[Priority.HIGH] * HIGH_FOR_EACH_NORMAL, Priority.NORMAL]

    assert starts(Weighing(), BOTH, BOTH, 15) == cycle * 3


@given(st.lists(st.sampled_from(Priority)))
def test_nothing_waits_while_the_other_side_has_nothing(before: list[Priority]) -> None:
    weighing = Weighing()
    for one in before:
        weighing.started(one)

    assert starts(weighing, BOTH, IDLE, 9) == [Priority.HIGH] * 9
    assert starts(weighing, IDLE, BOTH, 9) == [Priority.NORMAL] * 9


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 64), st.integers(0, 64))))
def test_a_normal_one_that_can_start_waits_for_four_others_at_most(
    seen: list[tuple[bool, bool, int, int]],
) -> None:
    weighing, passed_by = Weighing(), 0
    for high_waits, high_startable, high_running, normal_running in seen:
        high = Work(high_waits or high_startable, high_startable, high_running)
        turn = weighing.turn(high, Work(True, True, normal_running))
        assert turn is not None or (high.waits and not high.startable)
        if turn is None:
            # Only while it has no more than the share of places that is its own.
            assert (normal_running + 1) * HIGH_FOR_EACH_NORMAL > high_running
            continue
        weighing.started(turn)
        passed_by = passed_by + 1 if turn is Priority.HIGH else 0
        assert passed_by <= HIGH_FOR_EACH_NORMAL


def test_long_ones_of_high_priority_that_take_every_place_leave_a_fourth_as_many_to_others() -> (
    None
):
    full = Work(waits=True, startable=False, running=64)
    running = 0
    while Weighing().turn(full, Work(True, True, running)) is Priority.NORMAL:
        running += 1

    assert running == 64 // HIGH_FOR_EACH_NORMAL
