"""What a lane promises of what it finds past its deadline when it is opened, on any broker."""

import asyncio
from collections.abc import Callable

from handrail import Context, Effect, Topic, agent, results
from handrail.ledger.event import StepWasted
from handrail.testing import Team
from handrail.testing.accounting import read_all
from tests.promises.gate import Gate
from tests.promises.redrives import Order, World, world
from tests.promises.step_tools import TOOLS, jobs, ledger, pay, real, rent
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_paid_call_under_way_when_its_handoff_dies_is_booked_with_that_death_and_once",
    "test_an_unsafe_act_that_goes_on_elsewhere_past_its_deadline_is_waited_for",
    "test_what_has_begun_and_is_found_past_its_deadline_ends_before_the_next_of_its_key_starts",
    "world",
]

keyed = Topic("keyed", carries=Order, key=lambda order: "same")


@agent(reads=jobs, writes=keyed)
async def sender(text: str) -> Order:
    return Order(text=text)


async def test_what_has_begun_and_is_found_past_its_deadline_ends_before_the_next_of_its_key_starts(
    team_of: TeamOf, world: World
) -> None:
    gate = Gate()

    async def note(text: str) -> str:
        return world.does(text)

    @agent(reads=keyed, writes=results)
    async def worker(order: Order, ctx: Context) -> str:
        await ctx.step(note, order.text, effect=Effect.PAID)
        if order.text == "first":
            await gate.pass_through()
        return await ctx.step(note, f"{order.text} again", effect=Effect.PAID)

    async with team_of(sender, worker, partitions=1) as team:
        first = await team.submit(jobs, "first", deadline_s=20)
        await gate.entered.wait()
        second = await team.submit(jobs, "second")
        await until(lambda: on_inbox(team, 2), what="the second one waits")
        await team.kill(worker)
        await team.advance(seconds=21)
        await team.restart(worker)

        assert await second.result(str) == "second again done"
        await first.until("failed")
        ids = [one.header("ce_id") for one in await read_all(team.bus, team.full("keyed"))]
        written = await read_all(team.bus, team.full("worker.journal"))
        of = [[one for one in written if (one.key or b"").startswith(id_ or b"?")] for id_ in ids]
        assert of[0][-1].value is None
        assert of[0][-1].offset < of[1][0].offset


async def on_inbox(team: Team, count: int) -> bool:
    return len(await read_all(team.bus, team.full("keyed"))) == count


async def test_an_unsafe_act_that_goes_on_elsewhere_past_its_deadline_is_waited_for(
    team_of: TeamOf, world: World
) -> None:
    gate = Gate()

    async def slow(text: str) -> str:
        await gate.pass_through()
        return world.does(text)

    @agent(reads=jobs, writes=results)
    async def payer(text: str, ctx: Context) -> str:
        return f"{await ctx.call(pay, text)} {await ctx.call(pay, 'more')}"

    async with team_of(payer, tools=TOOLS, partitions=1) as team:
        real(team).fake(pay, does=slow)
        task = await team.submit(jobs, "x", deadline_s=20)
        await gate.entered.wait()
        await team.start(payer)
        stopping = asyncio.ensure_future(team.stop(payer))
        await until(lambda: has_moved(team), what="the other process has the lane")
        await team.advance(seconds=21)
        assert await task.state() == "working"
        gate.opened.set()
        await stopping
        await team.advance(seconds=2)
        await task.until("failed")
        await team.redrive(task)

        assert await task.result(str) == "x done more done"
        assert world.done == ["x", "more"]


def has_moved(team: Team) -> bool:
    """Say whether the process that was started last has an open lane with something in it."""
    runners = team.members[-1].process.lanes
    return any(one.takes_records and one.lane and one.lane.waiting_count for one in runners)


async def test_a_paid_call_under_way_when_its_handoff_dies_is_booked_with_that_death_and_once(
    team_of: TeamOf, world: World
) -> None:
    calls: list[str] = []

    async def slow(text: str) -> str:
        calls.append(text)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return world.does(text)

    @agent(reads=jobs, writes=results)
    async def renter(text: str, ctx: Context) -> str:
        return await ctx.call(rent, text)

    async with team_of(renter, tools=TOOLS, partitions=1) as team:
        real(team).fake(rent, does=slow)
        task = await team.submit(jobs, "x", deadline_s=20)
        await until(lambda: calls == ["x"], what="it has begun")
        await team.advance(seconds=22)
        await task.until("failed")
        assert [one.attempt for one in await wasted(team)] == [1]
        await team.redrive(task)

        assert await task.result(str) == "x done"
        assert [one.attempt for one in await wasted(team)] == [1]


async def wasted(team: Team) -> list[StepWasted]:
    return [one for one in await ledger(team) if isinstance(one, StepWasted)]
