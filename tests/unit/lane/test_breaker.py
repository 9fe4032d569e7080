"""A breaker opens on an outage, lets nothing die of it, and comes back step by step."""

import heapq
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.errors import FailureClass
from handrail.lane.breaker import (
    BACK_MS_MAX,
    CALLS_COUNT_MIN,
    OPEN_MS_MAX,
    OPEN_MS_MIN,
    PROBE_MS_MAX,
    PROBE_MS_USUAL_MAX,
    RAMP_STEP_MS,
    Breaker,
    Breakers,
    CallEnd,
    Stage,
    beside_breaker,
    call_end,
)
from handrail.lane.gate import Go, Wait

ANSWERED, FAILED = CallEnd.ANSWERED, CallEnd.FAILED


def let_in(breaker: Breaker, now_ms: int) -> Go:
    gate = breaker.may_call(now_ms)
    assert isinstance(gate, Go)
    return gate


def call(breaker: Breaker, end: CallEnd, now_ms: int, count: int = 1) -> None:
    for _ in range(count):
        breaker.record(let_in(breaker, now_ms), end, now_ms)


def opened(now_ms: int = 0) -> Breaker:
    breaker = Breaker()
    call(breaker, FAILED, now_ms, CALLS_COUNT_MIN)
    assert breaker.stage is Stage.OPEN
    return breaker


def test_it_opens_at_half_of_twenty_calls() -> None:
    breaker = Breaker()
    call(breaker, ANSWERED, 0, 10)
    call(breaker, FAILED, 1_000, 9)
    before = breaker.stage

    call(breaker, FAILED, 2_000)

    assert (before, breaker.stage) == (Stage.CLOSED, Stage.OPEN)
    assert breaker.may_call(2_000) == Wait(2_000 + OPEN_MS_MIN)


def test_fewer_than_twenty_failures_in_30_s_say_nothing() -> None:
    breaker = Breaker()
    for second in range(0, 600, 2):
        call(breaker, FAILED, second * 1_000)

    assert breaker.stage is Stage.CLOSED


def test_a_provider_that_fails_less_than_half_the_time_is_used_on() -> None:
    breaker = Breaker()
    for second in range(600):
        call(breaker, ANSWERED, second * 1_000, 6)
        call(breaker, FAILED, second * 1_000, 5)

    assert breaker.stage is Stage.CLOSED


@pytest.mark.parametrize("end", [CallEnd.THROTTLED, CallEnd.ABANDONED])
def test_throttled_answers_and_calls_given_up_are_no_outage(end: CallEnd) -> None:
    breaker = Breaker()
    call(breaker, end, 0, 1_000)

    assert breaker.stage is Stage.CLOSED


def test_half_open_it_lets_one_probe_through() -> None:
    breaker = opened()

    first, second = breaker.may_call(OPEN_MS_MIN), breaker.may_call(OPEN_MS_MIN)

    assert isinstance(first, Go)
    assert isinstance(second, Wait)
    assert breaker.stage is Stage.HALF_OPEN


def test_a_failed_probe_opens_it_for_longer() -> None:
    breaker = opened()
    probe = let_in(breaker, OPEN_MS_MIN)

    breaker.record(probe, FAILED, OPEN_MS_MIN)

    assert breaker.may_call(OPEN_MS_MIN) == Wait(3 * OPEN_MS_MIN)


def test_behind_an_answered_probe_the_places_double_until_it_is_closed() -> None:
    breaker, now_ms, widths = opened(), OPEN_MS_MIN, list[int]()
    while True:
        gates: list[Go] = []
        while breaker.stage is not Stage.CLOSED or not gates:
            gate = breaker.may_call(now_ms)
            if isinstance(gate, Wait):
                break
            gates.append(gate)
        widths.append(len(gates))
        for gate in gates:
            breaker.record(gate, ANSWERED, now_ms)
        if breaker.stage is Stage.CLOSED:
            break

    assert widths == [1, 2, 4, 8, 16, 32]


def test_slow_answers_do_not_hold_up_the_ramp() -> None:
    breaker = opened()
    call(breaker, ANSWERED, OPEN_MS_MIN)
    widths = list[int]()
    for step in range(4):
        now_ms = OPEN_MS_MIN + step * RAMP_STEP_MS
        count = 0
        while isinstance(breaker.may_call(now_ms), Go):
            count += 1
        just_before = breaker.may_call(now_ms + RAMP_STEP_MS - 1)
        assert isinstance(just_before, Wait)
        widths.append(count)

    assert widths == [2, 2, 4, 8]


def test_failures_of_half_the_calls_of_a_ramp_open_it_again() -> None:
    breaker = opened()
    call(breaker, ANSWERED, OPEN_MS_MIN, 4)
    call(breaker, FAILED, OPEN_MS_MIN, 3)
    before = breaker.stage

    call(breaker, FAILED, OPEN_MS_MIN)

    assert (before, breaker.stage) == (Stage.HALF_OPEN, Stage.OPEN)


def test_what_began_before_the_outage_was_seen_says_nothing_about_the_probe() -> None:
    breaker = Breaker()
    slow = let_in(breaker, 0)
    call(breaker, FAILED, 0, CALLS_COUNT_MIN)
    let_in(breaker, OPEN_MS_MIN)

    breaker.record(slow, ANSWERED, OPEN_MS_MIN)

    assert isinstance(breaker.may_call(OPEN_MS_MIN), Wait)


def test_a_throttled_or_abandoned_probe_makes_room_for_another() -> None:
    for end in (CallEnd.THROTTLED, CallEnd.ABANDONED):
        breaker = opened()
        breaker.record(let_in(breaker, OPEN_MS_MIN), end, OPEN_MS_MIN)

        assert isinstance(breaker.may_call(OPEN_MS_MIN), Go)
        assert isinstance(breaker.may_call(OPEN_MS_MIN), Wait)


def test_a_probe_that_is_never_heard_of_again_keeps_nobody_out_for_ever() -> None:
    breaker = opened()
    let_in(breaker, OPEN_MS_MIN)

    assert isinstance(breaker.may_call(OPEN_MS_MIN + PROBE_MS_MAX - 1), Wait)
    assert isinstance(breaker.may_call(OPEN_MS_MIN + PROBE_MS_MAX), Go)


def test_a_passing_failure_behind_an_open_breaker_is_an_outage() -> None:
    found = {
        (failure_class, stage): beside_breaker(failure_class, stage)
        for failure_class in FailureClass
        for stage in Stage
    }

    changed = {key for key, now in found.items() if now is not key[0]}
    assert changed == {
        (FailureClass.TRANSIENT, Stage.OPEN),
        (FailureClass.TRANSIENT, Stage.HALF_OPEN),
    }
    assert found[FailureClass.TRANSIENT, Stage.OPEN] is FailureClass.OUTAGE


def test_every_class_of_failure_is_an_end_of_a_call() -> None:
    assert call_end(None) is ANSWERED
    assert call_end(FailureClass.FATAL) is ANSWERED
    assert call_end(FailureClass.TRANSIENT) is FAILED
    assert call_end(FailureClass.OUTAGE) is FAILED
    assert call_end(FailureClass.THROTTLED) is CallEnd.THROTTLED


def traffic(
    breaker: Breaker, every_ms: int, lasts_ms: int, end_ms: int, works: Callable[[int], bool]
) -> tuple[list[int], int | None]:
    """Call at a fixed rate; give when failed calls began, and when it was closed for good."""
    running: list[tuple[int, int, Go, CallEnd]] = []
    failed, closed_ms = list[int](), None
    for now_ms in range(0, end_ms, every_ms):
        while running and running[0][0] <= now_ms:
            at_ms, _, go, end = heapq.heappop(running)
            breaker.record(go, end, at_ms)
        gate = breaker.may_call(now_ms)
        if isinstance(gate, Go):
            end = ANSWERED if works(now_ms) else FAILED
            heapq.heappush(running, (now_ms + lasts_ms, len(failed) + now_ms, gate, end))
            if end is FAILED:
                failed.append(now_ms)
        if breaker.stage is not Stage.CLOSED:
            closed_ms = None
        elif closed_ms is None:
            closed_ms = now_ms
    return failed, closed_ms


@settings(deadline=None, max_examples=60)
@given(
    every_ms=st.integers(50, 500),
    lasts_ms=st.integers(10, PROBE_MS_USUAL_MAX),
    begins_ms=st.integers(1, 90_000),
    outage_ms=st.integers(60_000, 180_000),
)
def test_an_outage_costs_few_calls_and_full_rate_is_back_within_30_s(
    every_ms: int, lasts_ms: int, begins_ms: int, outage_ms: int
) -> None:
    over_ms = begins_ms + outage_ms

    failed, closed_ms = traffic(
        Breaker(),
        every_ms,
        lasts_ms,
        over_ms + 2 * BACK_MS_MAX,
        lambda now_ms: not begins_ms <= now_ms < over_ms,
    )

    # Until half of the last 30 s have failed, and as long as the calls under way take.
    seen_ms = begins_ms + 17_000 + lasts_ms + CALLS_COUNT_MIN * every_ms
    assert len([at_ms for at_ms in failed if at_ms > seen_ms]) <= outage_ms / OPEN_MS_MAX + 2
    assert closed_ms is not None
    assert closed_ms - over_ms <= BACK_MS_MAX


@given(
    st.lists(
        st.tuples(st.integers(0, 5_000), st.sampled_from(CallEnd), st.integers(0, 5)), max_size=200
    )
)
def test_half_open_never_has_more_calls_than_places(
    events: list[tuple[int, CallEnd, int]],
) -> None:
    breaker, now_ms, held = opened(), 0, list[Go]()
    for gap_ms, end, which in events:
        now_ms += gap_ms
        gate = breaker.may_call(now_ms)
        if isinstance(gate, Go):
            held.append(gate)
        if which < len(held):
            breaker.record(held.pop(which), end, now_ms)

        ramp = breaker._ramp
        assert (ramp is None) == (breaker.stage is not Stage.HALF_OPEN)
        if ramp is not None:
            assert 0 <= ramp.running <= ramp.places <= 32


def test_each_model_of_a_provider_has_its_own_and_they_take_bounded_memory() -> None:
    breakers = Breakers(count_max=2)
    call(breakers.of("claude", "large"), FAILED, 0, CALLS_COUNT_MIN)

    large, small = breakers.of("claude", "large"), breakers.of("claude", "small")
    stages = (large.stage, small.stage)
    breakers.of("other", "x")

    assert stages == (Stage.OPEN, Stage.CLOSED)
    assert len(breakers) == 2
