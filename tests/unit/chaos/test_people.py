"""The people of a team under chaos answer, settle and cancel what the seed says, and no more."""

import asyncio
from pathlib import Path

import pytest

from handrail import Context, Effect, Integrity, Reach, Refused, State, agent, results, tool
from handrail.chaos.let_through import was_let_through
from handrail.chaos.people import TRIES_MAX, People
from handrail.errors import TaskUnknown
from handrail.ledger.task_state import TaskState
from handrail.testing import Team
from handrail.testing.task import TeamTask
from tests.unit.chaos.checker.runs import Shop
from tests.unit.chaos.checker.shop import Bill, Order, bills, cashier, orders
from tests.waiting import until

AT_ONCE = (0.0, 0.01)


@agent(reads=orders, writes=bills)
async def taker(order: Order, ctx: Context) -> Bill:
    """Ask a person before anything is done."""
    said = await ctx.ask_person("May it be?", choices=("yes", "no"))
    return Bill(order=order, lines=[said])


@agent(reads=bills, writes=results)
async def giver(bill: Bill) -> str:
    """Give what was said."""
    return bill.lines[0]


def people(
    team: Team,
    *,
    answers: float = 0.0,
    settles: float = 0.0,
    cancels: float = 0.0,
    project: Path = Path(),
) -> People:
    return People(
        team.members[0].bus,
        team.namespace,
        project,
        seed=1,
        answers=answers,
        settles=settles,
        cancels=cancels,
        thinks_s=AT_ONCE,
    )


async def played(team: Team, people: People, what: str) -> None:
    """Let people do what there is to do, once, however long it takes, while time goes on."""
    playing = asyncio.create_task(people.play(over_s=600))

    async def is_done() -> bool:
        await team.advance(seconds=1)
        return playing.done() or people.done == {what: 1}

    await until(is_done, within_s=120, what=f"people {what}")
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert people.done == {what: 1}


async def looked(team: Team, people: People) -> None:
    """Let people look for half a second, while time goes on."""
    playing = asyncio.create_task(people.play(over_s=0.5))
    while not playing.done():
        await team.advance(seconds=1)
        await asyncio.wait({playing}, timeout=0.05)
    await playing


async def ended(team: Team, task: TeamTask, state: TaskState = TaskState.COMPLETED) -> None:
    """Wait until it has gone on, while time does; just now it still waited for a person."""

    async def is_over() -> bool:
        await team.advance(seconds=1)
        facts = await task.task.facts()
        return facts is not None and facts.state is state

    await until(is_over, what="the task goes on")


async def test_a_question_is_answered() -> None:
    async with Team(taker, giver) as team:
        task = await team.submit(orders, Order(number=1, customer="ada"))
        await task.until("input_required")
        asked = people(team, answers=1.0)

        await played(team, asked, "answer")

        await ended(team, task)
        assert await task.result() == "yes"


async def test_a_task_is_canceled() -> None:
    async with Team(taker, giver) as team:
        task = await team.submit(orders, Order(number=1, customer="ada"))
        await task.until("input_required")

        await played(team, people(team, cancels=1.0), "cancel")

        await ended(team, task, TaskState.CANCELED)


async def test_nobody_cancels_what_is_to_die_and_be_sent_back() -> None:
    async with Team(taker, giver) as team:
        task = await team.submit(orders, Order(number=1, customer="ada"))
        await task.until("input_required")
        fickle = people(team, cancels=1.0)
        fickle.dying = {task.id: 1}

        await looked(team, fickle)

        assert fickle.done == {}
        assert await task.state() == "input_required"


async def test_a_doubt_is_settled_and_the_step_is_not_taken_again() -> None:
    async with Shop() as shop:
        task = await shop.dies(cashier, "after_act/pay", lambda: shop.order(1, pays=True))
        await task.until("input_required")

        await played(shop, people(shop, settles=1.0), "settle")

        await ended(shop, task)
        assert "by hand" in await task.result()


async def test_what_was_to_die_is_mended_and_sent_back_also_when_all_else_is_done(
    tmp_path: Path,
) -> None:
    @tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
    async def pass_on(number: int) -> str:
        """See whether people have let it through."""
        if not was_let_through(tmp_path, number):
            raise Refused(State.PRECONDITION_FAILED, "nobody has let it through")
        return "through"

    @agent(reads=orders, writes=results)
    async def guard(order: Order, ctx: Context) -> str:
        """Do what may be done once it was let through."""
        return await ctx.call(pass_on, order.number)

    async with Team(guard, tools=[pass_on]) as team:
        team.allow(pass_on)
        over = asyncio.Event()
        menders = people(team, project=tmp_path)
        playing = asyncio.create_task(menders.play(over_s=0.0, until=over))
        task = await team.submit(orders, Order(number=7, customer="ada"))
        menders.dying = {task.id: 7}
        while await task.state() != "completed":
            await team.advance(seconds=1)
            assert not playing.done()
        over.set()
        await playing

        assert await task.result() == "through"
    assert menders.done == {"send back": 1}


@pytest.mark.parametrize("seed", range(3))
async def test_who_is_not_to_be_answered_waits_on(seed: int) -> None:
    async with Team(taker, giver) as team:
        task = await team.submit(orders, Order(number=seed, customer="ada"))
        await task.until("input_required")
        nobody = people(team)

        await looked(team, nobody)

        await task.until("input_required")
    assert nobody.done == {}


async def test_what_is_to_be_sent_back_is_tried_for_as_long_as_its_row_is_not_there() -> None:
    async with Team(taker, giver) as team:
        patient, over = people(team), asyncio.Event()
        patient.again_s, tries = 0.0, 0

        async def send_back() -> None:
            nonlocal tries
            tries += 1
            if tries <= 2 * TRIES_MAX:
                raise TaskUnknown(wanted="t", reason="it has no row yet")

        patient._do("send back", "t", send_back, over)
        await until(lambda: patient.done == {"send back": 1}, what="it is sent back")


async def test_what_is_not_there_when_all_is_over_is_not_tried_for_ever() -> None:
    async with Team(taker, giver) as team:
        patient, over = people(team), asyncio.Event()
        patient.again_s = 0.0
        over.set()

        async def send_back() -> None:
            raise TaskUnknown(wanted="t", reason="it has no row yet")

        patient._do("send back", "t", send_back, over)
        await until(lambda: not patient._doing, what="it is given up")
        assert patient.done == {}
