"""Lets calls to a provider's model through, holds them back, or has their runs rest.

One for all lanes of a process: a breaker for each model, a limiter for each provider, and for each
provider and tenant the budget of its retries. It is asked before a call's intent, while no
transaction is open. Guarantees: a short wait is waited for where it comes up, a longer one lets the
invocation rest and uses up no attempt; what is held back is asked again by itself and never dies of
it before its deadline; retries are at most a tenth of the calls of a minute, or six of them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from handrail.errors import FailureClass
from handrail.lane.breaker import Breakers, CallEnd, Stage, beside_breaker, call_end
from handrail.lane.failure_class import Failure, classify
from handrail.lane.gate import Go, Wait
from handrail.lane.limiter import WAIT_MS_MAX, Limiter
from handrail.lane.newest import Newest
from handrail.lane.retry_budget import RetryBudgets
from handrail.lane.window import Window
from handrail.models.port import Model
from handrail.runtime.clock import Clock

R = TypeVar("R")

IN_PLACE_MS_MAX = 1_000  #: a longer wait for breaker or budget lets the run rest
LIMITERS_COUNT_MAX = 256
SPREAD_MS_EACH, SPREAD_MS_MAX = 10, 10_000  #: so that not all that rest come back at once
REST_WINDOW_S = 10  #: in which those that rest are counted

assert IN_PLACE_MS_MAX < WAIT_MS_MAX


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is called."""

    name: str
    model: str

    @classmethod
    def of(cls, model: Model) -> "Provider":
        """Name the provider of a model: by itself if it says so, else by its adapter."""
        return cls(str(getattr(model, "provider", type(model).__name__)), model.name)


@dataclass(frozen=True, slots=True)
class Pass:
    """The call may be made in so many milliseconds; hand it back with the outcome."""

    go: Go
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Not before `until_ms`, and why, in words."""

    until_ms: int
    because: str


class ProviderGates:
    """The gates of one process."""

    def __init__(self) -> None:
        """Let everything through until a provider says or shows otherwise."""
        self._rests = Window(REST_WINDOW_S, 1)
        self._breakers = Breakers()
        self._budgets = RetryBudgets()
        self._limiters: Newest[str, Limiter] = Newest(Limiter, LIMITERS_COUNT_MAX)

    def ask(self, provider: Provider, tenant: str, now_ms: int, *, retry: bool) -> Pass | Hold:
        """Say whether a call may be made. Whoever passes says `ended`, whatever came of it."""
        breaker = self._breakers.of(provider.name, provider.model)
        go = breaker.may_call(now_ms)
        if isinstance(go, Wait):
            return Hold(go.until_ms, f"most calls of {provider.model} have failed")
        budget = self._budgets.of(provider.name, tenant)
        if retry and isinstance(again := budget.may_retry(now_ms), Wait):
            breaker.record(go, CallEnd.ABANDONED, now_ms)
            return Hold(
                again.until_ms,
                f"as many calls to {provider.name} are retries as may be: a tenth, or six a minute",
            )
        wait_ms = self._limiters.of(provider.name).reserve(now_ms)
        if wait_ms > WAIT_MS_MAX:
            breaker.record(go, CallEnd.ABANDONED, now_ms)
            return Hold(now_ms + wait_ms, f"{provider.name} asks for fewer calls")
        if not retry:
            budget.called(now_ms)
        return Pass(go, wait_ms)

    def frozen_ms(self, provider: Provider, now_ms: int) -> int:
        """For how long the provider wants no call at all."""
        return self._limiters.of(provider.name).frozen_ms(now_ms)

    def ended(
        self, provider: Provider, passed: Pass, error: BaseException | None, now_ms: int
    ) -> None:
        """Take in what came of a call that was let through."""
        breaker = self._breakers.of(provider.name, provider.model)
        if isinstance(error, asyncio.CancelledError):
            breaker.record(passed.go, CallEnd.ABANDONED, now_ms)
            return
        failure = None if error is None else classify(error)
        kind = None if failure is None else failure.failure_class
        breaker.record(passed.go, call_end(kind), now_ms)
        if failure is not None and kind is FailureClass.THROTTLED:
            self._limiters.of(provider.name).throttled(now_ms, failure.retry_after_ms)

    def beside(self, provider: Provider, failure: Failure) -> Failure:
        """Judge a call's failure by how the others fare: behind an open breaker it is an outage."""
        stage = self._breakers.of(provider.name, provider.model).stage
        return replace(failure, failure_class=beside_breaker(failure.failure_class, stage))

    def spread_ms(self, now_ms: int) -> int:
        """Say how much later than asked one of many is to come back, and count that it rests."""
        self._rests.add(0, now_ms)
        (count,) = self._rests.totals(now_ms)
        crowd_ms = min(count * SPREAD_MS_EACH, SPREAD_MS_MAX)
        return int(random.random() * crowd_ms)  # noqa: S311 - spreads load, guards nothing

    def in_words(self) -> str | None:
        """Say which providers let nothing, or little, through; None when all do."""
        away = [
            f"most calls of {model} ({provider}) have failed"
            for (provider, model), breaker in self._breakers.items()
            if breaker.stage is not Stage.CLOSED
        ]
        return "; ".join(away) or None


#: Lets the run rest until then, for this reason; it is asked again, in this run or in another.
Rest = Callable[[int, str], Awaitable[None]]


class ProviderCall:
    """One turn of a model on its way through the gate."""

    def __init__(
        self, gates: ProviderGates, provider: Provider, tenant: str, clock: Clock, rest: Rest
    ) -> None:
        """Belong to one step."""
        self._gates = gates
        self._provider = provider
        self._tenant = tenant
        self._clock = clock
        self._rest = rest
        self._passed: Pass | None = None

    async def wait(self, attempt: int) -> None:
        """Return when the call may be made; its intent is committed after this."""
        gates, clock = self._gates, self._clock
        while True:
            now_ms = clock.now_ms()
            verdict = gates.ask(self._provider, self._tenant, now_ms, retry=attempt > 1)
            match verdict:
                case Pass(wait_ms=wait_ms):
                    try:
                        await self._stand_in_line(wait_ms)
                    except BaseException as error:
                        gates.ended(self._provider, verdict, error, clock.now_ms())
                        raise
                    if gates.frozen_ms(self._provider, clock.now_ms()) == 0:
                        self._passed = verdict
                        return
                    gates.ended(self._provider, verdict, asyncio.CancelledError(), clock.now_ms())
                case Hold(until_ms, because):
                    if until_ms - now_ms <= IN_PLACE_MS_MAX:
                        await clock.sleep((until_ms - now_ms) / 1_000)
                    else:
                        await self._rest(until_ms + gates.spread_ms(now_ms), because)
                case _:
                    assert_never(verdict)

    async def make(self, call: Awaitable[R]) -> R:
        """Make the call and tell the gate what came of it; what costs nothing passed none."""
        if self._passed is None:
            return await call
        error: BaseException | None = None
        try:
            return await call
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._gates.ended(self._provider, self._passed, error, self._clock.now_ms())

    async def _stand_in_line(self, wait_ms: int) -> None:
        if wait_ms:
            await self._clock.sleep(wait_ms / 1_000)
