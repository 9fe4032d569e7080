"""How a try to take an act back looks at the ledger, and when it does not go on to its tool."""

from typing import Any, cast

import pytest

from handrail import Effect, Refused, State
from handrail.errors import BrokerUnreachable
from handrail.ledger.taking_back import Marks
from handrail.runtime.acts_of_task import MarksOf
from handrail.runtime.worker.flights import LicenceRanOut
from handrail.runtime.worker.taking_back import LOOK_LICENSED_S_MAX, LOOKS_COUNT_MAX, TakingBack
from handrail.runtime.worker.waiting import RunSteps
from tests.unit.runtime.hired import HIRED

STEPS = cast("RunSteps", None)  # asked for the time only where a claim is as old as its key
SLOW, QUICK = 2 * LOOK_LICENSED_S_MAX, 0.0


class Ledger:
    """What is read, and how long that takes by the machine's own clock."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.takes_s = QUICK
        self.error: Exception | None = None

    def clock(self) -> float:
        return self.now_s

    async def as_of(self, claim: str, attempt: int) -> Marks:
        del claim, attempt
        return await self.now()

    async def now(self) -> Marks:
        self.now_s += self.takes_s
        if self.error is not None:
            raise self.error
        return Marks()


def taking(ledger: Ledger) -> TakingBack:
    made = TakingBack("t", HIRED, (), (), "undoer", cast("MarksOf", cast("Any", ledger)))
    made.clock = ledger.clock
    return made


async def look(made: TakingBack, effect: Effect = Effect.UNSAFE) -> None:
    await made._look(effect, "j/0/1", STEPS)


async def test_a_long_look_needs_another_licence_and_so_many_in_a_row_are_enough() -> None:
    ledger = Ledger()
    made = taking(ledger)
    ledger.takes_s = SLOW

    for _ in range(LOOKS_COUNT_MAX):
        with pytest.raises(LicenceRanOut):
            await look(made)
    with pytest.raises(Refused, match="read too slowly") as refused:
        await look(made)

    assert refused.value.state is State.DEPENDENCY_UNAVAILABLE


async def test_a_quick_look_ends_the_row_of_long_ones() -> None:
    ledger = Ledger()
    made = taking(ledger)

    for _ in range(LOOKS_COUNT_MAX + 1):
        ledger.takes_s = SLOW
        with pytest.raises(LicenceRanOut):
            await look(made)
        ledger.takes_s = QUICK
        await look(made)  # it may act now, be refused, and try again later


async def test_what_leaves_no_trace_has_no_licence_that_a_long_look_could_outlast() -> None:
    ledger = Ledger()
    ledger.takes_s = SLOW

    await look(taking(ledger), Effect.READ)


async def test_a_ledger_that_cannot_be_reached_is_a_refusal_in_words() -> None:
    ledger = Ledger()
    ledger.error = BrokerUnreachable(bootstrap="kafka:9092", reason="it is away")

    with pytest.raises(Refused, match="so nothing was done") as refused:
        await look(taking(ledger))

    assert refused.value.state is State.DEPENDENCY_UNAVAILABLE
