"""A run of the unharmed product passes every invariant."""

from handrail.chaos.checker.check import check
from tests.unit.chaos.checker.days import busy_day
from tests.unit.chaos.checker.runs import Shop


async def test_a_busy_day_with_many_deaths_breaks_no_promise() -> None:
    async with Shop() as shop:
        await busy_day(shop)
        history = shop.history()

    assert [str(one) for one in check(history)] == []
