"""Retries stay a tenth of the calls, and little traffic may try again too."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.gate import Go, Wait
from handrail.lane.retry_budget import (
    RETRIES_COUNT_MIN,
    RETRY_SHARE_MAX,
    RETRY_WINDOW_S,
    RetryBudget,
    RetryBudgets,
)


def test_little_traffic_may_try_again() -> None:
    budget = RetryBudget()
    budget.called(0)

    gates = [budget.may_retry(500) for _ in range(RETRIES_COUNT_MIN + 1)]

    assert gates == [Go()] * RETRIES_COUNT_MIN + [Wait(60_000)]
    assert budget.may_retry(60_000) == Go()


def test_of_a_thousand_calls_a_hundred_may_be_tried_again() -> None:
    budget = RetryBudget()
    for _ in range(1_000):
        budget.called(0)

    gates = [budget.may_retry(0) for _ in range(1_000)]

    assert gates.count(Go()) == 100


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 40), st.integers(0, 9))))
def test_retries_let_through_are_a_tenth_or_very_few(
    seconds: list[tuple[int, int, int]],
) -> None:
    budget, now_ms = RetryBudget(), 0
    calls, retries = list[int](), list[int]()
    for gap_ms, calls_count, retries_count in seconds:
        now_ms += gap_ms
        for _ in range(calls_count):
            budget.called(now_ms)
            calls.append(now_ms)
        for _ in range(retries_count):
            gate = budget.may_retry(now_ms)
            if isinstance(gate, Wait):
                assert gate.until_ms > now_ms
                continue
            retries.append(now_ms)
            recent = now_ms - RETRY_WINDOW_S * 1_000
            allowed = max(RETRIES_COUNT_MIN, RETRY_SHARE_MAX * sum(at > recent for at in calls))
            # A bucket is a second long: a retry may leave the count up to that much early.
            assert sum(at > recent + 1_000 for at in retries) <= allowed


def test_tenants_and_providers_have_budgets_of_their_own() -> None:
    budgets = RetryBudgets()
    for _ in range(RETRIES_COUNT_MIN):
        budgets.of("claude", "acme").may_retry(0)

    assert isinstance(budgets.of("claude", "acme").may_retry(0), Wait)
    assert isinstance(budgets.of("claude", "other").may_retry(0), Go)
    assert isinstance(budgets.of("psp", "acme").may_retry(0), Go)


def test_a_flood_of_tenants_takes_bounded_memory() -> None:
    budgets = RetryBudgets(count_max=10)
    for number in range(1_000):
        budgets.of("claude", f"tenant-{number}").called(0)

    assert len(budgets) == 10
