"""What is let through to a provider, what is held back, and for how long."""

import asyncio

import pytest

from handrail.errors import ModelOverloaded
from handrail.lane.breaker import CALLS_COUNT_MIN
from handrail.lane.retry_budget import RETRIES_COUNT_MIN
from handrail.runtime.worker.provider import Hold, Pass, Provider, ProviderCall, ProviderGates
from handrail.testing.clock import VirtualClock

CLAUDE = Provider("anthropic", "a-model")
OTHER = Provider("anthropic", "another-model")
NOW_MS = 1_000_000


def passed(gates: ProviderGates, now_ms: int = NOW_MS, *, retry: bool = False) -> Pass:
    verdict = gates.ask(CLAUDE, "default", now_ms, retry=retry)
    assert isinstance(verdict, Pass)
    return verdict


def broken(gates: ProviderGates, now_ms: int = NOW_MS) -> None:
    for _ in range(CALLS_COUNT_MIN):
        gates.ended(CLAUDE, passed(gates, now_ms), ConnectionError("away"), now_ms)


def test_a_model_whose_calls_mostly_fail_is_left_alone_and_others_are_not() -> None:
    gates = ProviderGates()
    broken(gates)

    held = gates.ask(CLAUDE, "default", NOW_MS, retry=False)

    assert isinstance(held, Hold)
    assert held.until_ms > NOW_MS
    assert isinstance(gates.ask(OTHER, "default", NOW_MS, retry=False), Pass)
    assert gates.in_words() == "most calls of a-model (anthropic) have failed"


def test_nothing_is_said_of_a_provider_that_works() -> None:
    gates = ProviderGates()
    for _ in range(CALLS_COUNT_MIN):
        gates.ended(CLAUDE, passed(gates), None, NOW_MS)

    assert gates.in_words() is None


def test_retries_beyond_the_budget_are_held_back_for_each_tenant_alone() -> None:
    gates = ProviderGates()
    for _ in range(RETRIES_COUNT_MIN):
        passed(gates, retry=True)

    assert isinstance(gates.ask(CLAUDE, "default", NOW_MS, retry=True), Hold)
    assert isinstance(gates.ask(CLAUDE, "default", NOW_MS, retry=False), Pass)
    assert isinstance(gates.ask(CLAUDE, "another", NOW_MS, retry=True), Pass)


def test_a_provider_that_asks_to_be_left_alone_is_left_alone_with_all_its_models() -> None:
    gates = ProviderGates()
    overloaded = ModelOverloaded(model="a-model", status=429, attempts=1, retry_after_s=120.0)
    gates.ended(CLAUDE, passed(gates), overloaded, NOW_MS)

    held = gates.ask(OTHER, "default", NOW_MS, retry=False)

    assert isinstance(held, Hold)
    assert held.until_ms >= NOW_MS + 120_000
    assert "asks for fewer calls" in held.because


def test_a_call_that_was_given_up_says_nothing_about_its_provider() -> None:
    gates = ProviderGates()
    for _ in range(2 * CALLS_COUNT_MIN):
        gates.ended(CLAUDE, passed(gates), asyncio.CancelledError(), NOW_MS)

    assert gates.in_words() is None


async def test_a_long_wait_lets_the_run_rest_and_no_call_is_made() -> None:
    gates, clock = ProviderGates(), VirtualClock(NOW_MS)
    broken(gates)
    rests: list[int] = []

    async def rest(until_ms: int, because: str) -> None:
        rests.append(until_ms)
        assert because == "most calls of a-model have failed"
        raise asyncio.CancelledError

    call = ProviderCall(gates, CLAUDE, "default", clock, rest)
    with pytest.raises(asyncio.CancelledError):
        await call.wait(1)

    assert len(rests) == 1
    assert rests[0] > NOW_MS
