"""What is promised of a question that is asked anew once nothing of it lives, on any broker."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import Context, Cost, Effect, Integrity, Reach, Refused, State, Topic, agent, results
from handrail import tool as tool_of
from handrail.lane.wave import Halted, Pace
from handrail.ledger.event import AnswerDropped, Discarded, Finished, Redriven, RedriveRefused
from handrail.ledger.projection import Projection
from handrail.runtime.dead_letters import Fate, FoundLetter
from handrail.runtime.dead_wave import Ground, Settlement, run_wave
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.letters import open_letters, settle_letter
from handrail.testing.task import TeamTask
from handrail.wire.answer import with_asked_anew
from handrail.wire.record import Headers, Outgoing, Record
from tests.promises.questions import Price, prices
from tests.promises.step_tools import TOOLS, Acts, jobs, ledger, pay, real
from tests.waiting import until

TeamOf = Callable[..., Team]
NO = Refused(State.INVALID_INPUT, "no such thing")


class World:
    """What goes wrong next, and who waits for how long."""

    def __init__(self) -> None:
        self.wrong = False
        self.broken: Exception | None = None
        self.patience: list[asyncio.Timeout] = []


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> World:
    WORLD.__init__()  # type: ignore[misc]  # the agents below know it by its name
    return WORLD


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> int:
    return (await ctx.ask(prices, text)).cents


@agent(reads=prices)
async def payer(name: str, ctx: Context) -> Price:
    """Pay, and die of what goes wrong after it."""
    await ctx.call(pay, name)
    if WORLD.wrong:
        raise NO
    return Price(of=name, cents=5)


async def comes_to(team: Team, task: TeamTask, state: str) -> None:
    """Let time pass until a task is there: a lane that was sent something looks once a second."""

    async def is_there() -> bool:
        await team.advance(seconds=1)
        return await task.state() == state

    await until(is_there, what=f"it is {state}")


async def result_of(team: Team, task: TeamTask) -> int:
    await comes_to(team, task, "completed")
    found = await task.result(int)
    assert isinstance(found, int)
    return found


async def both_died(team: Team, world: World, *, text: str = "x") -> TeamTask:
    """Let the asked agent pay and die, and its asker of that."""
    world.wrong = True
    task = await real(team).submit(jobs, text)
    await task.until("failed")
    world.wrong = False
    return task


async def letter_of(team: Team, task: TeamTask, agent_name: str) -> FoundLetter:
    (found,) = [one for one in await open_letters(team, task) if one.id.agent == agent_name]
    return found


async def sent_back(team: Team) -> list[Redriven]:
    return [one for one in await ledger(team) if isinstance(one, Redriven)]


async def test_a_question_that_is_asked_anew_is_carried_on_from_its_dead_letter(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert await open_letters(team, task) == []
        told = {one.agent: one for one in await sent_back(team)}
        assert told["payer"].by == "asker, which asks it anew"
        assert told["payer"].count == 1
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("who", "moment"),
    [
        ("asker", "before_intent/ctx.ask"),
        ("asker", "after_intent_commit/ctx.ask"),
        ("payer", "before_redrive"),
        ("payer", "after_redrive_commit"),
        ("payer", "before_final"),
        ("payer", "after_final_commit"),
    ],
)
async def test_it_is_carried_on_once_whoever_is_killed(
    team_of: TeamOf, acts: Acts, world: World, who: str, moment: str
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        killed = asker if who == "asker" else payer
        await team.kill(killed, at=moment)
        await settle_letter(team, task, await letter_of(team, task, "asker"))
        restarting = asyncio.create_task(team.restart(killed))
        while not restarting.done():
            await team.advance(seconds=1)
            await asyncio.wait({restarting}, timeout=0.2)
        await restarting

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert await open_letters(team, task) == []
        assert [one.agent for one in await sent_back(team)].count("payer") == 1
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("first", ["asker", "payer"])
async def test_a_wave_over_both_letters_carries_the_asked_one_out_once_whichever_goes_first(
    team_of: TeamOf, acts: Acts, world: World, first: str, tmp_path: Path
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        letters = sorted(await open_letters(team, task), key=lambda one: one.id.agent != first)
        projection = Projection(tmp_path / "p.sqlite")
        ground = Ground(team.bus, team.namespace, projection, team.clock)
        running = asyncio.create_task(run_wave(ground, letters, Settlement(by="ann"), Pace()))
        while not running.done():
            await team.advance(seconds=1)
            await asyncio.wait({running}, timeout=0.05)
        sent, halted = await running
        projection.close()

        assert halted is Halted.DONE
        assert [one.fate for one in sent] == [Fate.ENDED] * 2
        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert len([one for one in await ledger(team) if isinstance(one, Finished)]) == 2
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


async def test_a_question_that_was_answered_too_late_gives_that_answer_when_it_is_asked_anew(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(impatient, payer, tools=TOOLS, partitions=1) as team:
        await team.kill(payer, at="after_outcome_commit/pay")
        task = await real(team).submit(jobs, "x")
        await until(lambda: bool(acts.done), what="it has paid")
        await until(lambda: bool(world.patience), what="its asker waits")
        world.patience[-1].reschedule(0)
        await comes_to(team, task, "failed")
        await team.restart(payer)

        async def dropped() -> bool:
            await team.advance(seconds=1)
            return any(isinstance(one, AnswerDropped) for one in await ledger(team))

        await until(dropped, what="the late answer is dropped")
        await team.kill(payer)
        await team.restart(payer)
        await team.redrive(task)

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


@agent(reads=jobs, writes=results)
async def impatient(text: str, ctx: Context) -> int:
    try:
        async with asyncio.timeout(None) as patience:
            WORLD.patience.append(patience)
            return (await ctx.ask(prices, text)).cents
    except TimeoutError:
        raise Refused(State.INVALID_INPUT, "it took too long") from None


async def test_a_question_whose_letter_a_person_has_discarded_begins_from_the_start(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        await settle_letter(
            team, task, await letter_of(team, task, "payer"), discard_why="paid back by hand"
        )
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x", "pay x"]


async def test_a_question_that_dies_each_time_is_carried_on_three_times_and_pays_once(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        world.wrong = True
        await settle_letter(team, task, await letter_of(team, task, "payer"))
        await comes_to(team, task, "failed")
        for _ in range(3):
            await settle_letter(team, task, await letter_of(team, task, "asker"))
            await comes_to(team, task, "failed")

        (letter,) = [one for one in await open_letters(team, task) if one.id.agent == "payer"]
        assert letter.letter.failure.redrive == 3
        asked = await letter_of(team, task, "asker")
        assert "3 times already" in (asked.letter.failure.exception_message or "")
        assert acts.done == ["pay x"]


@tool_of(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def wire(text: str) -> str:
    """Send money, over a line that may break."""
    WORLD.patience.append(asyncio.timeout(None))
    if WORLD.broken is not None:
        raise WORLD.broken
    return f"wired {text}"


@agent(reads=prices)
async def wirer(name: str, ctx: Context) -> Price:
    await ctx.call(wire, name)
    return Price(of=name, cents=7)


async def test_an_act_of_which_nobody_knows_stays_with_its_person_when_it_is_asked_anew(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(asker, wirer, tools=[wire], partitions=1) as team:
        team.allow(wire)
        world.broken = RuntimeError("the line broke")
        task = await team.submit(jobs, "x")
        await comes_to(team, task, "failed")
        world.broken = None
        await settle_letter(team, task, await letter_of(team, task, "asker"))
        await comes_to(team, task, "input_required")
        assert len(world.patience) == 1
        await team.resolve(task, happened=True, result="wired by hand")

        assert await result_of(team, task) == 7
        assert len(world.patience) == 1


keyed = Topic("keyed", carries=str, replies=int, key=lambda _: "same")


@agent(reads=jobs, writes=results)
async def keyed_asker(text: str, ctx: Context) -> int:
    return await ctx.ask(keyed, text)


@agent(reads=keyed, followers="block_key")
async def blocker(name: str, ctx: Context) -> int:
    await ctx.call(pay, name)
    if WORLD.wrong and name == "x":
        raise NO
    return 3


async def test_a_question_does_not_wait_behind_its_own_letter_and_others_of_its_key_do(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(keyed_asker, blocker, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        other = await team.submit(jobs, "y")
        await team.advance(seconds=2)
        assert acts.done == ["pay x"]
        await settle_letter(team, task, await letter_of(team, task, "keyed_asker"))

        assert await result_of(team, task) == 3
        assert await result_of(team, other) == 3
        assert acts.done == ["pay x", "pay y"]


@tool_of(effect=Effect.PAID, cost=Cost(0.4), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def lease(text: str) -> str:
    """Lease something for money."""
    WORLD.patience.append(asyncio.timeout(None))
    return f"leased {text}"


@agent(reads=prices)
async def lessee(name: str, ctx: Context) -> Price:
    await ctx.call(lease, name)
    if WORLD.wrong:
        raise NO
    await ctx.call(lease, f"{name} again")
    return Price(of=name, cents=9)


async def test_what_was_spent_before_it_died_is_not_taken_from_its_budget_again(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(asker, lessee, tools=[lease], partitions=1) as team:
        team.allow(lease)
        team.client.budget = "1.30"  # half of it is lent: 0.65, and then half of 0.90
        world.wrong = True
        task = await team.submit(jobs, "x")
        await comes_to(team, task, "failed")
        world.wrong = False
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 9
        assert len(world.patience) == 2


async def test_a_lesser_letter_of_the_same_question_is_closed_with_the_one_that_is_taken_back(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        held = await letter_of(team, task, "payer")
        (record,) = await read_all(team.bus, team.full("prices"))
        late = tuple(
            (name, b"2020-01-01T00:00:00.000Z" if name == "ce_deadline" else value)
            for name, value in record.headers
        )
        await again(team, record, late)
        await until(
            lambda: two_letters(team, task), what="it has died once more, having begun nothing"
        )
        letters = [one for one in await open_letters(team, task) if one.id.agent == "payer"]
        (lesser,) = [one for one in letters if one.id != held.id]
        with pytest.raises(AssertionError, match="holds what this question had recorded"):
            await settle_letter(team, task, lesser)
        assert acts.done == ["pay x"]
        await settle_letter(team, task, await letter_of(team, task, "asker"))

        assert await result_of(team, task) == 5
        assert acts.done == ["pay x"]
        assert await open_letters(team, task) == []
        (closed,) = [one for one in await ledger(team) if isinstance(one, Discarded)]
        assert closed.dead == lesser.id.offset


async def test_a_letter_is_not_carried_on_with_another_message_than_its_own(
    team_of: TeamOf, acts: Acts, world: World
) -> None:
    async with team_of(asker, payer, tools=TOOLS, partitions=1) as team:
        task = await both_died(team, world)
        (record,) = await read_all(team.bus, team.full("prices"))
        other = replace(record, value=b'"y"')
        await again(team, other, with_asked_anew(record.headers, 0))

        async def refused() -> list[str]:
            await team.advance(seconds=1)
            return [one.sentence for one in await ledger(team) if isinstance(one, RedriveRefused)]

        (words,) = await until(refused, what="it is refused")
        assert "belongs to another message" in words
        assert acts.done == ["pay x"]
        assert len(await open_letters(team, task)) == 2


async def again(team: Team, record: Record, headers: Headers) -> None:
    """Let a record lie on its inbox once more, with other headers."""
    one = Outgoing(record.topic, record.key, record.value, headers, record.partition)
    await team.bus.sender().send(one)


async def two_letters(team: Team, task: TeamTask) -> bool:
    await team.advance(seconds=1)
    return len([one for one in await open_letters(team, task) if one.id.agent == "payer"]) == 2
