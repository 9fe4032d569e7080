"""Every kind of step goes every way back: sent back, done anew, past its deadline, canceled."""

from collections.abc import Awaitable, Callable, Mapping

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Refused,
    State,
    Topic,
    agent,
    results,
)
from handrail.ledger.event import PersonAsked, RequestKind
from handrail.ledger.task_state import ENDED_STATES, TaskFacts
from handrail.testing import Team, TeamTask, says
from handrail.testing.letters import open_letters, settle_letter
from tests.promises.persons_again import refund
from tests.promises.step_tools import (
    WORLD,
    Acts,
    acts,
    book,
    jobs,
    ledger,
    look,
    order,
    pay,
    real,
    rent,
)

__all__ = ["acts"]

TURNS_MAX = 60
TURN_S = 5


class Price(BaseModel):
    cents: int


prices, favours = (
    Topic("prices", carries=str, replies=Price),
    Topic("favours", carries=str, replies=Price),
)


@agent(reads=prices)
async def pricer(name: str, ctx: Context) -> Price:
    await ctx.call(book, name)
    await ctx.sleep(40)
    return Price(cents=5)


@agent(reads=favours)
async def friend(name: str, ctx: Context) -> Price:
    return Price(cents=await ctx.ask_person(f"How much for {name}?", returns=int))


async def asks_a_person(ctx: Context) -> object:
    return await ctx.ask_person("How much?", returns=int)


async def asks_an_agent(ctx: Context) -> object:
    return await ctx.ask(prices, "a")


async def asks_an_agent_that_asks_a_person(ctx: Context) -> object:
    return await ctx.ask(favours, "a")


async def wants_approval(ctx: Context) -> object:
    return await ctx.call(refund, "a")


async def sleeps(ctx: Context) -> object:
    await ctx.sleep(100)
    return "slept"


async def does_several_at_once(ctx: Context) -> object:
    person = ctx.ask_person("How much?", returns=int)
    return await ctx.gather(ctx.ask(prices, "a"), person, ctx.call(book, "b"))


async def asks_a_model(ctx: Context) -> object:
    return await ctx.model("say", returns=str)


async def pays(ctx: Context) -> object:
    return await ctx.call(pay, "a")


async def rents(ctx: Context) -> object:
    return await ctx.call(rent, "a")


async def orders(ctx: Context) -> object:
    return await ctx.call(order, "a")


async def pays_and_asks(ctx: Context) -> object:
    return [await ctx.call(pay, "a"), await asks_a_person(ctx), await asks_an_agent(ctx)]


WAITING = (
    asks_a_person,
    asks_an_agent,
    asks_an_agent_that_asks_a_person,
    wants_approval,
    sleeps,
    does_several_at_once,
    pays_and_asks,
)
STEPS: Mapping[str, Callable[[Context], Awaitable[object]]] = {
    one.__name__: one for one in (*WAITING, asks_a_model, pays, rents, orders)
}
WAITS = [one.__name__ for one in WAITING]


@agent(reads=jobs, writes=results)
async def doer(kind: str, ctx: Context) -> str:
    await STEPS[kind](ctx)
    if "refuses" in WORLD.receiver:
        raise Refused(State.INVALID_INPUT, "it is not wanted yet")
    return kind


def a_team() -> Team:
    team = real(
        Team(doer, pricer, friend, tools=[look, pay, rent, book, order, refund], partitions=1)
    )
    team.allow(refund)
    team.model.script(*(says("yes") for _ in range(9)))
    return team


async def facts_of(task: TeamTask) -> TaskFacts:
    facts = await task.task.facts()
    assert facts is not None
    return facts


async def say_yes(team: Team, task: TeamTask) -> None:
    """Let people do what the task waits for, one thing at a time."""
    asked = (await facts_of(task)).requests
    kinds = {one.kind for one in asked}
    if RequestKind.DOUBT in kinds:
        await team.resolve(task, happened=False)
    elif RequestKind.APPROVAL in kinds:
        await team.approve(task, by="role:finance")
    elif asked:
        await team.answer(task, 5, step=asked[0].id)


async def in_the_end(team: Team, task: TeamTask) -> str:
    """Let time pass and people say yes until nothing of the task is open; give its state."""
    for _ in range(TURNS_MAX):
        await team.settle()
        facts = await facts_of(task)
        if facts.state in ENDED_STATES and not (facts.open or facts.requests):
            return facts.state.value
        await say_yes(team, task)
        await team.advance(seconds=TURN_S)
    raise AssertionError(f"{await task.task.explanation()}\n{team.in_words()}")


async def send_back(team: Team, task: TeamTask, from_step: int | None = None) -> None:
    """Send the task's own handoff back; what it had asked of others is taken back with it."""
    letters = await open_letters(team, task)
    (own,) = [one for one in letters if one.id.agent == "doer"]
    await settle_letter(team, task, own, from_step=from_step)


async def each_is_asked_once(team: Team) -> None:
    asked = [one for one in await ledger(team) if isinstance(one, PersonAsked)]
    names = [one.request for one in asked if one.kind is not RequestKind.DOUBT]
    assert sorted(names) == sorted({*names})


@pytest.mark.parametrize("from_step", [None, 1])
@pytest.mark.parametrize("kind", STEPS)
async def test_what_dies_after_it_is_sent_back_and_carried_out_though_its_process_is_killed(
    acts: Acts, kind: str, from_step: int | None
) -> None:
    acts.receiver["refuses"] = "all"
    async with a_team() as team:
        task = await team.submit(jobs, kind)
        assert await in_the_end(team, task) == "failed"
        del acts.receiver["refuses"]

        await send_back(team, task, from_step)
        await team.settle()
        await team.kill(doer)
        await team.restart(doer)

        assert await in_the_end(team, task) == "completed"
        assert acts.done.count("pay a") <= (1 if from_step is None else 2)
        await each_is_asked_once(team)


@pytest.mark.parametrize("from_step", [None, 1])
@pytest.mark.parametrize("kind", WAITS)
async def test_what_its_deadline_has_cut_off_is_sent_back_and_carried_out(
    acts: Acts, kind: str, from_step: int | None
) -> None:
    async with a_team() as team:
        task = await team.submit(jobs, kind, deadline_s=30)
        await team.advance(seconds=32)
        assert await in_the_end(team, task) == "failed"

        await send_back(team, task, from_step)

        assert await in_the_end(team, task) == "completed"
        assert acts.done.count("pay a") <= (1 if from_step is None else 2)
        await each_is_asked_once(team)


@pytest.mark.parametrize("died_before", [False, True])
@pytest.mark.parametrize("kind", WAITS)
async def test_what_waits_ends_with_its_task_also_when_it_had_died_before(
    acts: Acts, kind: str, *, died_before: bool
) -> None:
    del acts
    async with a_team() as team:
        task = await team.submit(jobs, kind, deadline_s=30)
        await team.settle()
        if died_before:
            await team.advance(seconds=32)
            assert await in_the_end(team, task) == "failed"
            await send_back(team, task)
            await team.settle()

        await task.cancel("it is not wanted")

        # Nobody says yes any more, and it takes less time than anything that would go on.
        await team.advance(seconds=TURN_S)
        facts = await facts_of(task)
        assert (facts.state.value, facts.open, facts.requests) == ("canceled", 0, ())
