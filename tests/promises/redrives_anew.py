"""What a lane promises of what is done anew once a dead letter was sent back, on any broker."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Cost,
    Effect,
    Integrity,
    Parts,
    Reach,
    Refused,
    State,
    Topic,
    agent,
    results,
)
from handrail import tool as tool_of
from handrail.lane.bounds import LaneBounds
from handrail.lane.lane import Lane
from handrail.runtime.dead_letters import ask_to_settle
from handrail.testing import Team, TeamTask
from handrail.testing.letters import open_letters
from tests.promises.gate import Gate
from tests.promises.questions import rests
from tests.promises.redrives import NO, WORLD, Order, World, world
from tests.promises.step_tools import jobs
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_part_that_was_sent_back_and_is_canceled_is_not_told_lost_again",
    "test_a_redrive_takes_no_place_behind_a_key_where_as_many_wait_as_may",
    "test_what_is_done_anew_needs_no_version_that_had_begun_it",
    "test_what_is_sent_back_to_a_lane_that_hears_answers_starts_at_once",
    "test_what_was_sent_back_after_its_deadline_is_stopped_by_a_cancel",
    "world",
]


@tool_of(effect=Effect.PAID, cost=Cost(0.4), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def lease(text: str) -> str:
    """Lease something for money."""
    if text == "bad":
        raise Refused(State.INVALID_INPUT, "there is none")
    return WORLD.does(f"lease {text}")


@agent(name="lessee", reads=jobs, writes=results, version="1")
async def wrong(text: str, ctx: Context) -> str:
    return await ctx.call(lease, "bad")


@agent(name="lessee", reads=jobs, writes=results, version="2")
async def mended(text: str, ctx: Context) -> str:
    return await ctx.call(lease, text)


@pytest.mark.parametrize("from_step", [None, 1])
async def test_what_is_done_anew_needs_no_version_that_had_begun_it(
    team_of: TeamOf, world: World, from_step: int | None
) -> None:
    async with team_of(wrong, tools=[lease], partitions=1) as team:
        team.allow(lease)
        team.client.budget = "10.00"
        task = await team.submit(jobs, "x")
        await task.until("failed")
        await team.stop(wrong)
        await team.start(mended)
        await team.redrive(task, from_step=from_step)

        assert await task.result(str) == "lease x done"


keyed = Topic("keyed", carries=Order, key=lambda order: "same")
GATE: list[Gate] = []


@agent(reads=jobs, writes=keyed)
async def sender(text: str) -> Order:
    return Order(text=text)


@agent(reads=keyed, writes=results)
async def holder(order: Order) -> str:
    if order.text in WORLD.wrong:
        raise NO
    if order.text == "held":
        await GATE[-1].pass_through()
    return WORLD.does(order.text)


def lane_of(team: Team) -> Lane:
    lanes = [runner.lane for one in team.members for runner in one.process.lanes]
    (found,) = [lane for lane in lanes if lane is not None and lane.settings.inbox == "keyed"]
    return found


async def test_a_redrive_takes_no_place_behind_a_key_where_as_many_wait_as_may(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["first"] = NO
    GATE.append(Gate())
    async with team_of(sender, holder, partitions=1) as team:
        lane = lane_of(team)
        lane.settings = replace(lane.settings, bounds=LaneBounds(per_key=2))
        lane._mailboxes._per_key_count_max = 2
        first = await team.submit(jobs, "first")
        await first.until("failed")
        held, last = await team.submit(jobs, "held"), await team.submit(jobs, "last")
        await GATE[-1].entered.wait()
        await until(lambda: lane.waiting_count == 2, what="as many wait as may")
        world.wrong.clear()
        with pytest.raises(AssertionError, match="2 wait behind its key already"):
            await team.redrive(first)
        GATE[-1].opened.set()
        assert await held.result(str) == "held done"
        assert await last.result(str) == "last done"
        await team.redrive(first)

        assert await first.result(str) == "first done"


letters = Topic("letters", carries=str)


@agent(reads=jobs, writes=letters)
async def splitter(text: str) -> list[str]:
    return [f"{text} {number}" for number in range(2)]


@agent(reads=letters, writes=results)
async def sleeper(text: str, ctx: Context) -> str:
    await ctx.sleep(100)
    return WORLD.does(f"wrote {text}")


async def test_what_was_sent_back_after_its_deadline_is_stopped_by_a_cancel(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(splitter, sleeper, partitions=2) as team:
        task = await team.submit(jobs, "x", deadline_s=60)
        await until(lambda: rests(team, 2), within_s=team.patience_s, what="both sleep")
        await team.advance(seconds=62)
        await until(lambda: has_letters(team, task, 2), within_s=team.patience_s)
        await team.redrive(task)
        await task.until("working")
        await team.advance(seconds=5)

        await task.cancel("no longer wanted")

        await is_canceled_though_it_had_died(team, task)
        await team.advance(seconds=200)
        assert world.done == []


class Price(BaseModel):
    cents: int


prices = Topic("prices", carries=str, replies=Price)
GATE: list[Gate] = []


@agent(reads=prices)
async def pricer(_: str) -> Price:
    await GATE[-1].pass_through()
    return Price(cents=5)


@agent(reads=jobs, writes=results)
async def buyer(text: str, ctx: Context) -> str:
    if text == "ask":
        return str((await ctx.ask(prices, text)).cents)
    return WORLD.does(text)


async def test_what_is_sent_back_to_a_lane_that_hears_answers_starts_at_once(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["bad"] = NO
    GATE.append(Gate())
    async with team_of(buyer, pricer, partitions=1) as team:
        task = await team.submit(jobs, "bad")
        await task.until("failed")
        asks = await team.submit(jobs, "ask")
        await GATE[-1].entered.wait()
        world.wrong.clear()

        (letter,) = await open_letters(team, task)
        now_ms = team.clock.now_ms()
        await ask_to_settle(team.bus, team.namespace, letter, by="Ann", now_ms=now_ms)

        await until(lambda: world.done == ["bad"] * 2, within_s=team.patience_s)
        assert await until(lambda: is_completed(task), within_s=team.patience_s)
        GATE[-1].opened.set()
        assert await asks.result(str) == "5"


async def is_completed(task: TeamTask) -> bool:
    return await task.state() == "completed"


pages, bound = Topic("pages", carries=str), Topic("bound", carries=str)


@agent(reads=jobs, writes=pages)
async def printer(text: str) -> list[str]:
    return [f"{text} {number}" for number in range(2)]


@agent(reads=pages, writes=bound)
async def proofreader(text: str, ctx: Context) -> str:
    done = WORLD.does(f"proof {text}")
    await ctx.sleep(100)
    return done


@agent(reads=bound, writes=results)
async def binder(found: Parts[str], ctx: Context) -> str:
    await ctx.sleep(1000)
    return f"{len(found)} pages"


async def test_a_part_that_was_sent_back_and_is_canceled_is_not_told_lost_again(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["proof"] = NO
    async with team_of(printer, proofreader, binder, partitions=2) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: has_letters(team, task, 2), within_s=team.patience_s)
        world.wrong.clear()
        await team.redrive(task)
        await team.advance(seconds=5)

        await task.cancel("no longer wanted")

        await is_canceled_though_it_had_died(team, task)
        await team.advance(seconds=5)
        assert [one.failure.reason for one in await task.dead_letters()] == ["validation"] * 2


async def has_letters(team: Team, task: TeamTask, count: int) -> bool:
    return len(await open_letters(team, task)) >= count


async def is_canceled_though_it_had_died(team: Team, task: TeamTask) -> None:
    async def closed() -> bool:
        facts = await task.task.facts()
        return facts is not None and facts.open == 0

    assert await until(closed, within_s=team.patience_s, what="nothing of it is open")
    assert await task.state() == "canceled"
