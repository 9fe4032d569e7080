"""A limiter slows down when it is told to, and is back at full rate soon after."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.limiter import (
    FREEZE_MS_MAX,
    RATE_PER_S_MIN,
    RECOVERY_MS,
    WAIT_MS_MAX,
    Limiter,
)


def steady(limiter: Limiter, per_s: int, from_ms: int, seconds: int) -> list[int]:
    """Ask at a fixed rate and give when each call was made."""
    made = list[int]()
    for number in range(per_s * seconds):
        now_ms = from_ms + number * 1_000 // per_s
        wait_ms = limiter.reserve(now_ms)
        if wait_ms <= WAIT_MS_MAX:
            made.append(now_ms + wait_ms)
    return made


def test_nothing_is_held_back_that_nobody_complained_about() -> None:
    limiter = Limiter()

    assert {limiter.reserve(0) for _ in range(10_000)} == {0}


def test_a_configured_rate_is_kept() -> None:
    limiter = Limiter(rate_per_s_max=10)

    assert [limiter.reserve(0) for _ in range(5)] == [0, 100, 200, 300, 400]
    assert limiter.reserve(10_000) == 0


def test_a_throttled_answer_halves_the_rate() -> None:
    limiter = Limiter()
    steady(limiter, 20, 0, 10)

    limiter.throttled(10_000)

    made = steady(limiter, 20, 10_000, 2)
    assert 18 <= len([at for at in made if at < 12_000]) <= 22


def test_one_burst_of_refusals_halves_it_once() -> None:
    once, often = Limiter(), Limiter()
    for limiter in (once, often):
        steady(limiter, 20, 0, 10)
    once.throttled(10_000)

    for number in range(50):
        often.throttled(10_000 + number * 10)

    again_ms = [limiter.reserve(11_000) for limiter in (once, often)]
    then_ms = [limiter.reserve(11_000) for limiter in (once, often)]
    assert again_ms == [0, 0]
    assert abs(then_ms[0] - then_ms[1]) <= 5


def test_retry_after_freezes_everybody() -> None:
    limiter = Limiter()
    waited_ms = limiter.reserve(0)

    limiter.throttled(0, retry_after_ms=5_000)

    assert waited_ms == 0
    assert limiter.frozen_ms(1_000) == 4_000
    assert limiter.reserve(1_000) >= 4_000
    assert limiter.frozen_ms(5_000) == 0


def test_a_wait_too_long_to_hold_reserves_nothing() -> None:
    limiter = Limiter()
    limiter.throttled(0, retry_after_ms=60_000)

    waits = {limiter.reserve(0) for _ in range(100)}

    assert len(waits) == 1
    assert min(waits) > WAIT_MS_MAX


def test_an_absurd_retry_after_is_tried_again_after_five_minutes() -> None:
    limiter = Limiter()
    limiter.throttled(0, retry_after_ms=10**12)

    assert limiter.frozen_ms(0) == FREEZE_MS_MAX


@given(
    throttles=st.lists(
        st.tuples(st.integers(0, 20_000), st.none() | st.integers(0, 30_000)), min_size=1
    ),
    per_s=st.integers(1, 50),
    configured=st.none() | st.integers(1, 50),
)
def test_full_rate_is_back_30_s_after_the_last_throttle(
    throttles: list[tuple[int, int | None]], per_s: int, configured: int | None
) -> None:
    limiter, now_ms, free_ms = Limiter(configured), 0, 0
    for gap_ms, retry_after_ms in throttles:
        for number in range(per_s):
            limiter.reserve(now_ms + number * 1_000 // per_s)
        now_ms += 1_000 + gap_ms
        limiter.throttled(now_ms, retry_after_ms)
        free_ms = max(free_ms, now_ms + (retry_after_ms or 0))

    back_ms = free_ms + RECOVERY_MS

    waits = [limiter.reserve(back_ms) for _ in range(10)]
    step_ms = 0 if configured is None else 1_000 / configured
    assert all(wait <= number * step_ms + 1 for number, wait in enumerate(waits))


@given(st.integers(1, 200))
def test_however_often_it_is_throttled_something_still_goes(count: int) -> None:
    limiter, now_ms = Limiter(), 0
    for _ in range(count):
        now_ms += 1_000
        limiter.throttled(now_ms)

    assert limiter.reserve(now_ms + round(1_000 / RATE_PER_S_MIN)) <= 1_000 / RATE_PER_S_MIN


@given(st.lists(st.integers(0, 2_000), min_size=2, max_size=200))
def test_places_are_given_in_order_and_never_faster_than_the_rate(gaps_ms: list[int]) -> None:
    limiter, now_ms, places = Limiter(rate_per_s_max=5), 0, list[int]()
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        wait_ms = limiter.reserve(now_ms)
        if wait_ms <= WAIT_MS_MAX:
            places.append(now_ms + wait_ms)

    assert all(later - earlier >= 199 for earlier, later in pairwise(places))
