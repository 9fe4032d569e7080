"""Retry, breaker and retry budget together: a provider is away for two minutes."""

import heapq
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from handrail.errors import FailureClass
from handrail.lane.breaker import Breaker, CallEnd, Stage, beside_breaker, call_end
from handrail.lane.failure_class import Failure
from handrail.lane.gate import Go, Wait
from handrail.lane.retry import GiveUp, Moment, Tries, decide_retry
from handrail.lane.retry_budget import RetryBudget

BEGINS_MS, OVER_MS, LAST_MS = 60_000, 180_000, 420_000
DEADLINE_MS = 7 * 86_400_000


@dataclass
class Day:
    """Invocations that need one call each arrive at a steady rate; the provider is away at noon."""

    random: Random
    failure_class: FailureClass
    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)
    calls: int = 0
    answered: int = 0
    given_up: int = 0
    closed_ms: int | None = None
    _events: list[tuple[int, int, Tries, Go | None]] = field(
        default_factory=list[tuple[int, int, Tries, Go | None]]
    )
    _number: "count[int]" = field(default_factory=count)

    def run(self, every_ms: int, lasts_ms: int) -> int:
        """Give how many invocations there were."""
        arrivals = range(0, LAST_MS, every_ms)
        for at_ms in arrivals:
            self._at(at_ms, Tries(), None)
        while self._events:
            now_ms, _, tries, go = heapq.heappop(self._events)
            if go is not None:
                self._ended(now_ms, tries, go, now_ms - lasts_ms)
                continue
            gate = self._gate(now_ms, tries)
            if isinstance(gate, Wait):
                self._at(gate.until_ms + self.random.randrange(500), tries, None)
            else:
                self.calls += 1
                self._at(now_ms + lasts_ms, tries, gate)
        return len(arrivals)

    def _at(self, at_ms: int, tries: Tries, go: Go | None) -> None:
        heapq.heappush(self._events, (at_ms, next(self._number), tries, go))

    def _gate(self, now_ms: int, tries: Tries) -> Go | Wait:
        gate = self.breaker.may_call(now_ms)
        if isinstance(gate, Wait):
            return gate
        if tries == Tries():
            self.budget.called(now_ms)
            return gate
        retry = self.budget.may_retry(now_ms)
        if isinstance(retry, Wait):
            self.breaker.record(gate, CallEnd.ABANDONED, now_ms)
            return retry
        return gate

    def _ended(self, now_ms: int, tries: Tries, go: Go, began_ms: int) -> None:
        away = BEGINS_MS <= began_ms < OVER_MS
        self.breaker.record(go, call_end(self.failure_class if away else None), now_ms)
        if self.breaker.stage is not Stage.CLOSED:
            self.closed_ms = None
        elif self.closed_ms is None:
            self.closed_ms = now_ms
        if not away:
            self.answered += 1
            return
        failure_class = beside_breaker(self.failure_class, self.breaker.stage)
        tries = tries.after(failure_class, now_ms)
        decision = decide_retry(
            Failure(failure_class),
            tries,
            Moment(now_ms=now_ms, deadline_ms=DEADLINE_MS, jitter=self.random.random()),
        )
        if isinstance(decision, GiveUp):
            self.given_up += 1
        else:
            self._at(decision.at_ms, tries, None)


@pytest.mark.parametrize("failure_class", [FailureClass.TRANSIENT, FailureClass.OUTAGE])
@pytest.mark.parametrize(("every_ms", "lasts_ms"), [(100, 200), (100, 3_000), (50, 1_000)])
@pytest.mark.parametrize("seed", range(2))
def test_two_minutes_without_a_provider_lose_nothing_and_cost_few_calls(
    failure_class: FailureClass, every_ms: int, lasts_ms: int, seed: int
) -> None:
    day = Day(Random(seed), failure_class)

    invocations = day.run(every_ms, lasts_ms)

    assert (day.answered, day.given_up) == (invocations, 0)
    assert day.calls - invocations <= 0.1 * invocations
    assert day.closed_ms is not None
    assert day.closed_ms - OVER_MS <= 30_000
