"""When a failed invocation is tried again, and when it is given up."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from handrail.errors import FailureClass
from handrail.lane.failure_class import Failure
from handrail.lane.retry import (
    AGE_MS_MAX,
    DELAY_MS_MAX,
    GiveUp,
    GiveUpReason,
    Moment,
    Retry,
    RetryQuick,
    RetrySettings,
    RetrySlow,
    Tries,
    decide_retry,
)
from handrail.wire.dead_letter import Reason

FATAL, TRANSIENT = FailureClass.FATAL, FailureClass.TRANSIENT
THROTTLED, OUTAGE = FailureClass.THROTTLED, FailureClass.OUTAGE
NOW_MS = 1_000_000
FAR_MS = NOW_MS + 7 * 86_400_000
ALMOST_1 = 0.999_999

jitters = st.floats(0, 1, exclude_max=True)


def moment(jitter: float = ALMOST_1, now_ms: int = NOW_MS, **bounds: int) -> Moment:
    return Moment(now_ms=now_ms, jitter=jitter, **{"deadline_ms": FAR_MS, **bounds})


def failed(*classes: FailureClass, now_ms: int = NOW_MS) -> Tries:
    tries = Tries()
    for failure_class in classes:
        tries = tries.after(failure_class, now_ms)
    return tries


def test_three_quick_attempts_double_their_delay_and_then_it_rests() -> None:
    decisions = [
        decide_retry(Failure(TRANSIENT), failed(*[TRANSIENT] * n), moment()) for n in range(1, 12)
    ]

    waits = [decision.at_ms - NOW_MS for decision in decisions if not isinstance(decision, GiveUp)]
    assert [type(decision) for decision in decisions[:4]] == [
        RetryQuick,
        RetryQuick,
        RetrySlow,
        RetrySlow,
    ]
    assert waits == [499, 999, 1999, 3999, 7999, 15999, 31999, 59999, 59999, 59999, 59999]


def test_jitter_is_full() -> None:
    decision = decide_retry(Failure(TRANSIENT), failed(TRANSIENT), moment(jitter=0.0))

    assert decision == RetryQuick(NOW_MS)


def test_an_unknown_failure_is_tried_three_times() -> None:
    unknown = Failure(TRANSIENT, quick_only=True)

    second = decide_retry(unknown, failed(*[TRANSIENT] * 2), moment())
    third = decide_retry(unknown, failed(*[TRANSIENT] * 3), moment())

    assert isinstance(second, RetryQuick)
    assert third == GiveUp(GiveUpReason.ATTEMPTS)


def test_a_fatal_failure_is_given_up_at_once() -> None:
    assert decide_retry(Failure(FATAL), failed(FATAL), moment()) == GiveUp(GiveUpReason.FATAL)


def test_an_hour_of_failures_is_enough() -> None:
    tries = failed(*[TRANSIENT] * 40)

    just_before = decide_retry(
        Failure(TRANSIENT), tries, moment(now_ms=NOW_MS + AGE_MS_MAX - 1_000)
    )
    after = decide_retry(Failure(TRANSIENT), tries, moment(now_ms=NOW_MS + AGE_MS_MAX))

    assert just_before == RetrySlow(NOW_MS + AGE_MS_MAX - 500)
    assert after == GiveUp(GiveUpReason.AGE)


def test_an_outage_of_hours_makes_nothing_old() -> None:
    hours_later_ms = NOW_MS + 5 * AGE_MS_MAX
    tries = failed(TRANSIENT, OUTAGE).after(TRANSIENT, hours_later_ms)

    decision = decide_retry(Failure(TRANSIENT), tries, moment(now_ms=hours_later_ms))

    assert isinstance(decision, RetryQuick)


def test_throttled_and_outage_use_up_no_attempt() -> None:
    tries = failed(*[THROTTLED] * 50, *[OUTAGE] * 50)

    assert tries.counted == 0


def test_retry_after_is_honoured() -> None:
    failure = Failure(THROTTLED, retry_after_ms=20_000)

    quick = decide_retry(failure, failed(THROTTLED), moment(jitter=0.0))
    slow = decide_retry(
        Failure(THROTTLED, retry_after_ms=40_000), failed(THROTTLED), moment(jitter=0.0)
    )

    assert quick == RetryQuick(NOW_MS + 20_000)
    assert slow == RetrySlow(NOW_MS + 40_000)


def test_a_retry_after_beyond_the_deadline_is_given_up_at_once() -> None:
    failure = Failure(THROTTLED, retry_after_ms=20_000)

    decision = decide_retry(failure, failed(THROTTLED), moment(deadline_ms=NOW_MS + 20_000))

    assert decision == GiveUp(GiveUpReason.RETRY_AFTER)
    assert GiveUpReason.RETRY_AFTER.dead_letter_reason is Reason.DEADLINE


def test_what_a_gate_asks_for_is_waited_for_and_what_waits_long_rests() -> None:
    soon = moment(jitter=0.0, not_before_ms=NOW_MS + 10_000)
    late = moment(jitter=0.0, not_before_ms=NOW_MS + 31_000)

    assert decide_retry(Failure(TRANSIENT), failed(TRANSIENT), soon) == RetryQuick(NOW_MS + 10_000)
    assert decide_retry(Failure(TRANSIENT), failed(TRANSIENT), late) == RetrySlow(NOW_MS + 31_000)


@given(
    failure_class=st.sampled_from(list(FailureClass)),
    retry_after_ms=st.none() | st.integers(0, 10_000_000),
    counted=st.integers(0, 2_000),
    uncounted=st.integers(0, 2_000),
    age_ms=st.integers(0, 2 * AGE_MS_MAX),
    left_ms=st.integers(-10, 10_000_000),
    not_before_ms=st.integers(0, NOW_MS * 20),
    jitter=jitters,
)
def test_no_try_is_set_in_the_past_or_past_the_deadline_and_an_outage_is_never_given_up_early(
    failure_class: FailureClass,
    retry_after_ms: int | None,
    counted: int,
    uncounted: int,
    age_ms: int,
    left_ms: int,
    not_before_ms: int,
    jitter: float,
) -> None:
    deadline_ms = NOW_MS + left_ms
    tries = Tries(counted, uncounted, NOW_MS - age_ms)
    failure = Failure(failure_class, retry_after_ms=retry_after_ms)

    decision = decide_retry(
        failure,
        tries.after(failure_class, NOW_MS),
        moment(jitter, deadline_ms=deadline_ms, not_before_ms=not_before_ms),
    )

    match decision:
        case RetryQuick(at_ms):
            assert failure_class is not OUTAGE
            assert NOW_MS <= at_ms < deadline_ms
            assert at_ms - NOW_MS <= RetrySettings().park_after_ms
        case RetrySlow(at_ms):
            assert NOW_MS <= at_ms < deadline_ms
        case GiveUp(reason):
            if failure_class is OUTAGE:
                assert reason is GiveUpReason.DEADLINE
                assert left_ms <= 0
    if (
        retry_after_ms is not None
        and failure_class is THROTTLED
        and not isinstance(decision, GiveUp)
    ):
        assert decision.at_ms >= NOW_MS + retry_after_ms


def through(failure: Failure, end_ms: int, jitter: float) -> tuple[int, Retry]:
    """Let every try fail until `end_ms` or the end; give how many there were and the decision."""
    tries, now_ms, count = Tries(), NOW_MS, 0
    while True:
        count += 1
        tries = tries.after(failure.failure_class, now_ms)
        decision = decide_retry(failure, tries, moment(jitter, now_ms=now_ms, deadline_ms=end_ms))
        if isinstance(decision, GiveUp):
            return count, decision
        now_ms = decision.at_ms + 1  # a try takes at least a millisecond


@given(jitter=st.floats(0.3, 1, exclude_max=True), left_ms=st.integers(1, 3 * AGE_MS_MAX))
@example(jitter=0.5, left_ms=3 * AGE_MS_MAX)
def test_however_long_it_fails_the_tries_stay_few(jitter: float, left_ms: int) -> None:
    few = 3 * AGE_MS_MAX / (DELAY_MS_MAX * 0.3) + 20

    counts_ = [
        through(Failure(failure_class), NOW_MS + left_ms, jitter)[0]
        for failure_class in (TRANSIENT, OUTAGE, THROTTLED)
    ]

    assert max(counts_) <= few


@given(jitter=jitters, left_ms=st.integers(1, 3 * AGE_MS_MAX))
def test_what_meets_an_outage_ends_only_by_its_deadline(jitter: float, left_ms: int) -> None:
    assume(jitter > 0.01)

    _, decision = through(Failure(OUTAGE), NOW_MS + left_ms, jitter)

    assert decision == GiveUp(GiveUpReason.DEADLINE)


@pytest.mark.parametrize("reason", list(GiveUpReason))
def test_every_reason_has_its_word_for_dead_letters(reason: GiveUpReason) -> None:
    assert reason.dead_letter_reason in (Reason.ATTEMPTS, Reason.DEADLINE)
