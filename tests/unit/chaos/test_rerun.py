"""Handlers of a recorded run are run again on what their journals held, and nothing else acts."""

from dataclasses import replace

from handrail import NEW, Context, agent, results
from handrail.chaos.checker.check import check
from handrail.chaos.rerun import rerun
from handrail.contract.team import TeamDescription
from handrail.lane.journal import Kind
from tests.unit.chaos.checker.changes import lines, without
from tests.unit.chaos.checker.counting import Counting, marks, wishes
from tests.unit.chaos.checker.days import busy_day
from tests.unit.chaos.checker.runs import Shop
from tests.unit.chaos.checker.shop import AGENTS, TOOLS, WORLD, Bill, bills, think

TEAM = TeamDescription(AGENTS, tools=TOOLS, intake="orders")


async def test_every_invocation_repeats_itself_byte_for_byte_and_touches_nothing() -> None:
    async with Shop() as shop:
        await busy_day(shop)
        history = shop.history()
    seen = len(WORLD.seen)

    reruns = await rerun(history, TEAM)

    assert len(reruns) > 80
    assert [one for one in reruns if one.error or one.asked] == []
    assert [str(one) for one in check(replace(history, reruns=reruns))] == []
    assert len(WORLD.seen) == seen


async def test_a_handler_that_says_something_else_this_time_is_found() -> None:
    @agent(reads=bills, writes=results)
    async def cashier(bill: Bill, ctx: Context) -> str:
        """Say what the cashier of then did not say."""
        thought = await ctx.call(think, f"bill {bill.order.number}")
        return f"{bill.order.number}: {thought}, and it is Tuesday"

    async with Shop() as shop:
        await (await shop.order(1)).result()
        await shop.told()
        history = shop.history()
    others = [one for one in AGENTS if one.name != "cashier"]
    team = TeamDescription((*others, cashier), tools=TOOLS, intake="orders")

    reruns = await rerun(history, team)

    found = check(replace(history, reruns=reruns))
    assert [one.invariant for one in found] == ["I7"]


async def test_a_step_whose_outcome_was_not_kept_is_named() -> None:
    async with Shop() as shop:
        await (await shop.order(1, pieces=1)).result()
        history = shop.history()
    lost = without(history, lines(history, Kind.OUTCOME, name="book")[0].record)
    seen = len(WORLD.seen)

    reruns = await rerun(lost, TEAM)

    found = check(replace(lost, reruns=reruns))
    assert "I7" in {one.invariant for one in found}
    assert any("book" in one.asked for one in reruns)
    assert len(WORLD.seen) == seen


async def test_what_a_failed_try_had_forgotten_is_not_asked_for_again() -> None:
    @agent(reads=wishes, writes=results)
    async def late(wish: str, ctx: Context) -> str:
        old = await ctx.memory(marks).get(wish)
        if old is None:
            await team.memory(marks).put(wish, "somebody was faster", expect=NEW)
            await ctx.memory(marks).put(wish, "mine", expect=NEW)
        return "nothing" if old is None else old.value

    async with Counting(late) as team:
        task = await team.submit(wishes, "a")
        assert await task.result(str) == "somebody was faster"
        history = await team.history()
    found = await rerun(history, team.description)

    assert [(one.error, len(one.wrote)) for one in found] == [("", 1)]
