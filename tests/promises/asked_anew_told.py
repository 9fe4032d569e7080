"""What the asker of a question that is asked anew is told, on any broker."""

import asyncio
from collections.abc import Callable

from handrail import Context, Topic, agent, results
from handrail.ledger.event import AnswerDropped, RedriveRefused
from handrail.testing import Team
from handrail.testing.letters import open_letters, settle_letter
from tests.promises.asked_anew import (
    NO,
    WORLD,
    World,
    asker,
    both_died,
    comes_to,
    letter_of,
    result_of,
    sent_back,
    world,
)
from tests.promises.gate import Gate
from tests.promises.policed import forbidding, ruled
from tests.promises.questions import Price, prices
from tests.promises.step_tools import TOOLS, Acts, jobs, ledger, pay, real
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_an_answer_to_the_first_asking_is_not_taken_for_one_to_the_second_whoever_is_killed",
    "test_the_letter_of_a_question_stays_where_the_policy_lets_it_not_be_sent_back",
    "world",
]

GATE: list[Gate] = []


@agent(reads=prices)
async def slow(name: str, ctx: Context) -> Price:
    """Pay, and die after a while of what goes wrong."""
    await ctx.call(pay, name)
    if WORLD.wrong:
        await GATE[-1].pass_through()
        raise NO
    return Price(of=name, cents=5)


async def asker_rests(team: Team) -> bool:
    await team.advance(seconds=31)
    lanes = [one.lane for member in team.members for one in member.process.lanes]
    return any(
        one.parked_count for one in lanes if one is not None and one.settings.inbox == "jobs"
    )


async def test_an_answer_to_the_first_asking_is_not_taken_for_one_to_the_second_whoever_is_killed(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    GATE.append(Gate())
    async with team_of(asker, slow, tools=TOOLS, partitions=1) as team:
        world.wrong = True
        task = await real(team).submit(jobs, "x")
        await GATE[-1].entered.wait()
        await until(lambda: asker_rests(team), what="its asker rests")
        GATE[-1].opened.set()
        await task.until("failed")
        world.wrong = False
        await team.kill(asker, at="after_intent_commit/ctx.ask")
        await settle_letter(team, task, await letter_of(team, task, "asker"))
        restarting = asyncio.create_task(team.restart(asker))
        while not restarting.done():
            await team.advance(seconds=1)
            await asyncio.wait({restarting}, timeout=0.2)
        await restarting

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert await open_letters(team, task) == []
        assert [one.agent for one in await sent_back(team)].count("asker") == 1
        dropped = [one for one in await ledger(team) if isinstance(one, AnswerDropped)]
        assert all("asked anew since" in one.sentence for one in dropped)
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


sums = Topic("sums", carries=str, replies=int)


@agent(reads=jobs, writes=results)
async def chief(text: str, ctx: Context) -> int:
    return await ctx.ask(sums, text)


@agent(reads=sums)
async def between(text: str, ctx: Context) -> int:
    return (await ctx.ask(prices, text)).cents


@agent(reads=prices)
async def payer(name: str, ctx: Context) -> Price:
    await ctx.call(pay, name)
    if WORLD.wrong:
        raise NO
    return Price(of=name, cents=5)


async def test_the_letter_of_a_question_stays_where_the_policy_lets_it_not_be_sent_back(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    rule = forbidding("dead_letter.redrive", 'when { resource == DeadLetter::"payer" }')
    async with ruled(team_of(chief, between, payer, tools=TOOLS, partitions=1), rule) as team:
        task = await both_died(team, world)
        held = await letter_of(team, task, "payer")
        await settle_letter(team, task, await letter_of(team, task, "chief"), by="eve")
        await comes_to(team, task, "failed")

        told = [one for one in await ledger(team) if isinstance(one, RedriveRefused)]
        assert [(one.agent, one.dead) for one in told] == [("payer", held.id.offset)]
        asked = (await letter_of(team, task, "between")).letter.failure.exception_message or ""
        assert "Not for eve (rule not-eve). Ask ann to do it" in asked
        assert f"handrail dead show {held.letter.where}" in asked
        assert (await letter_of(team, task, "payer")).id == held.id
        assert acts.done == ["pay x"]
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]
        await settle_letter(team, task, await letter_of(team, task, "chief"), by="ann")

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert await open_letters(team, task) == []
