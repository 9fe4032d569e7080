"""A group hears of what has ended soon, and not for each end."""

from handrail.lane.telling import AFTER_QUIET_S, WITHIN_S, Telling


def test_there_is_nothing_to_tell_before_anything_has_ended_and_after_it_was_told() -> None:
    telling = Telling()
    before = telling.due_s
    telling.ended(10.0)
    telling.told()

    assert before is None
    assert telling.due_s is None
    assert not telling.is_due(1e9)


def test_what_ended_last_is_told_a_second_later() -> None:
    telling = Telling()
    telling.ended(10.0)
    telling.ended(10.5)

    assert not telling.is_due(10.0 + AFTER_QUIET_S)
    assert telling.is_due(10.5 + AFTER_QUIET_S)


def test_a_lane_in_which_one_end_follows_another_tells_after_five_seconds() -> None:
    telling = Telling()
    told_s: list[float] = []
    for tenth in range(1, 121):
        now_s = tenth / 10
        if telling.is_due(now_s):
            told_s.append(now_s)
            telling.told()
        else:
            telling.ended(now_s)

    assert told_s == [0.1 + WITHIN_S, 0.2 + 2 * WITHIN_S]
