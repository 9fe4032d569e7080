"""Named moments: what the variable may say, and what counts."""

import pytest

from handrail.runtime.failpoint import Countdown, KillAt, Moment, NoFailPoints, fail_points


def test_without_a_setting_nothing_is_counted() -> None:
    assert isinstance(fail_points(None), NoFailPoints)
    assert isinstance(fail_points(""), NoFailPoints)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("after_act", Countdown(Moment.AFTER_ACT, "", 1)),
        ("after_act:3", Countdown(Moment.AFTER_ACT, "", 3)),
        ("after_act/refund:2", Countdown(Moment.AFTER_ACT, "refund", 2)),
    ],
)
def test_a_moment_a_step_and_a_count_are_read(text: str, wanted: Countdown) -> None:
    assert Countdown.of(text) == wanted


@pytest.mark.parametrize("text", ["never", "after_act:0", "after_act:x", ":1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Countdown.of(text)


def test_only_the_moment_and_the_step_that_are_meant_count() -> None:
    countdown = Countdown.of("after_act/refund:2")

    came = [
        countdown.runs_out(moment, step)
        for moment, step in [
            (Moment.AFTER_ACT, "refund"),
            (Moment.AFTER_ACT, "look"),
            (Moment.AFTER_OUTCOME, "refund"),
            (Moment.AFTER_ACT, "refund"),
            (Moment.AFTER_ACT, "refund"),
        ]
    ]

    assert came == [False, False, False, True, False]


def test_without_a_setting_nothing_happens_within_a_transaction() -> None:
    points = NoFailPoints()

    assert not any(map(points.wants, Moment))
    points.struck(Moment.AFTER_INTENT_PRODUCED, "refund")


async def test_a_process_that_is_not_meant_lives_on() -> None:
    points = KillAt(Countdown.of("after_act:2"))

    await points.reached(Moment.AFTER_ACT)
    await points.reached(Moment.BEFORE_FINAL)

    assert points.wants(Moment.AFTER_ACT)
    assert not points.wants(Moment.BEFORE_FINAL)
