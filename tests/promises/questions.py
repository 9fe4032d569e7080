"""What a lane promises about questions to other agents, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest
from pydantic import BaseModel

from handrail import Context, Effect, Integrity, Reach, Topic, agent, results, tool
from handrail.errors import AskCycle, NoAnswerInTime, QuestionFailed
from handrail.errors.cli import DeadLetterUnknown
from handrail.ledger.event import AnswerDropped, QuestionAsked
from handrail.runtime.dead_letters import DeadId, find_letter
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.task import TeamTask
from handrail.wire.answer import FAILURE_TYPE
from tests.promises.gate import Gate
from tests.promises.step_tools import jobs, ledger, left_of_steps
from tests.waiting import until

TeamOf = Callable[..., Team]


class Price(BaseModel):
    of: str
    cents: int


prices = Topic("prices", carries=str, replies=Price)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def note(text: str) -> str:
    """Note something down, which nobody can take back."""
    return text


@agent(reads=prices)
async def pricer(name: str, ctx: Context) -> Price:
    await ctx.call(note, name)
    return Price(of=name, cents=len(name) * 100)


@agent(reads=jobs, writes=results)
async def buyer(text: str, ctx: Context) -> int:
    price = await ctx.ask(prices, text)
    await ctx.call(note, f"bought {text}")
    return price.cents


async def rests(team: Team, count: int = 1) -> bool:
    lanes = [runner.lane for one in team.members for runner in one.process.lanes]
    return sum(len(lane.rests) for lane in lanes if lane is not None) >= count


async def asked(team: Team, count: int = 1) -> bool:
    return len([e for e in await ledger(team) if isinstance(e, QuestionAsked)]) >= count


async def goes_on(team: Team, task: TeamTask) -> bool:
    """Let a second pass; say whether the task has ended."""
    await team.advance(seconds=1)
    return await task.state() == "completed"


async def on(team: Team, topic: str) -> int:
    return len(await read_all(team.bus, team.full(topic)))


async def test_an_agent_asks_another_and_goes_on_with_its_answer(team_of: TeamOf) -> None:
    async with team_of(buyer, pricer, tools=[note]) as team:
        team.allow(note)
        task = await team.submit(jobs, "chair")

        assert await task.result(int) == 500
        assert [call["text"] for call in team.calls(note)] == ["chair", "bought chair"]
        assert await on(team, "prices") == 1
        assert not await left_of_steps(team, "buyer")


async def test_a_submitted_question_is_answered_on_results(team_of: TeamOf) -> None:
    async with team_of(buyer, pricer, tools=[note]) as team:
        team.allow(note)
        task = await team.submit(prices, "desk")

        assert await task.result(Price) == Price(of="desk", cents=400)


@pytest.mark.parametrize(
    ("who", "moment"),
    [
        ("buyer", "before_intent/ctx.ask"),
        ("buyer", "after_intent_commit/ctx.ask"),
        ("buyer", "after_outcome_commit/note"),
        ("buyer", "before_intent/note"),
        ("buyer", "after_final_commit"),
        ("pricer", "after_outcome_commit/note"),
        ("pricer", "after_final_commit"),
    ],
)
async def test_a_question_is_asked_once_and_answered_once_whoever_is_killed(
    team_of: TeamOf, who: str, moment: str
) -> None:
    async with team_of(buyer, pricer, tools=[note]) as team:
        team.allow(note)
        killed = buyer if who == "buyer" else pricer
        await team.kill(killed, at=moment)
        task = await team.submit(jobs, "chair")
        await team.restart(killed)

        assert await task.result(int) == 500
        assert sorted(call["text"] for call in team.calls(note)) == ["bought chair", "chair"]
        assert await on(team, "prices") == 1
        assert not [e for e in await ledger(team) if isinstance(e, AnswerDropped)]


async def test_an_answer_that_comes_while_nobody_is_there_is_found_by_the_next_owner(
    team_of: TeamOf,
) -> None:
    async with team_of(buyer, pricer, tools=[note], partitions=1) as team:
        team.allow(note)
        await team.kill(buyer, at="after_intent_commit/ctx.ask")
        task = await team.submit(jobs, "chair")
        await until(lambda: on(team, "buyer.answers"))
        await team.restart(buyer)

        assert await task.result(int) == 500


async def test_a_question_that_is_not_answered_soon_lets_its_run_rest(team_of: TeamOf) -> None:
    gate, runs = Gate(), list[str]()

    @agent(reads=prices)
    async def slow(name: str) -> Price:
        await gate.pass_through()
        return Price(of=name, cents=7)

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> int:
        runs.append(text)
        return (await ctx.ask(prices, text)).cents

    async with team_of(asker, slow, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        await until(lambda: asked(team))
        await team.advance(seconds=29)
        assert not await rests(team)
        await team.advance(seconds=3)
        await until(lambda: rests(team))
        gate.opened.set()

        assert await task.result(int) == 7
        assert await on(team, "prices") == 1
    assert runs == ["x", "x"]


async def test_a_resting_question_survives_its_process(team_of: TeamOf) -> None:
    gate = Gate()

    @agent(reads=prices)
    async def slow(name: str) -> Price:
        await gate.pass_through()
        return Price(of=name, cents=7)

    async with team_of(buyer, slow, tools=[note], partitions=1) as team:
        team.allow(note)
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        await until(lambda: asked(team))
        await team.advance(seconds=32)
        await until(lambda: rests(team))
        await team.kill(buyer)
        await team.restart(buyer)
        await team.advance(seconds=40)
        gate.opened.set()

        assert await task.result(int) == 7
        assert await on(team, "prices") == 1


async def test_questions_are_asked_side_by_side_and_errors_come_in_the_order_of_the_steps(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def comparer(text: str, ctx: Context) -> list[int]:
        found = await ctx.gather(*(ctx.ask(prices, text * n) for n in (3, 1, 2)))
        return [sum(price.cents for price in found)]

    async with team_of(comparer, pricer, tools=[note]) as team:
        team.allow(note)
        task = await team.submit(jobs, "ab")

        assert await task.result(int) == 1200


async def test_a_dead_question_is_an_error_in_words_and_fails_no_task(team_of: TeamOf) -> None:
    heard: list[QuestionFailed] = []

    @agent(reads=prices)
    async def broken(name: str) -> Price:
        raise ValueError(f"no price for {name}")

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> str:
        try:
            await ctx.ask(prices, text)
        except QuestionFailed as no:
            heard.append(no)
            return "without a price"
        return "?"

    async with team_of(asker, broken, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: asked(team))
        await team.advance(minutes=61)

        assert await task.result(str) == "without a price"
        (letter,) = await task.dead_letters()
        assert letter.failure.agent == "broken"
        told = str(heard[0]).partition("handrail dead show ")[2].split()[0]
        found = await find_letter(team.bus, team.namespace, DeadId.read(told))
        assert (found.id.agent, found.letter.where) == ("broken", letter.where)
        with pytest.raises(DeadLetterUnknown, match="nothing that died lay at that place"):
            await find_letter(team.bus, team.namespace, DeadId.read(f"{letter.topic}/0/99"))
    assert (heard[0].reason, heard[0].agent) == ("attempts", "broken")
    assert "broken gave it up (attempts): no price for x" in str(heard[0])


async def test_an_answer_of_the_wrong_type_is_a_dead_question(team_of: TeamOf) -> None:
    @agent(reads=prices)
    async def wrong(name: str) -> Price:
        return name  # type: ignore[return-value]  # the fault that is tested

    async with team_of(buyer, wrong, tools=[note], partitions=1) as team:
        task = await team.submit(jobs, "x")
        await task.until("failed")

        reasons = {letter.failure.agent: letter for letter in await task.dead_letters()}
        assert reasons["wrong"].failure.reason == "validation"
        assert "The question ask(" in (reasons["buyer"].failure.exception_message or "")


async def test_nobody_waits_longer_than_it_said_and_a_late_answer_is_not_used(
    team_of: TeamOf,
) -> None:
    gate = Gate()

    @agent(reads=prices)
    async def slow(name: str) -> Price:
        await gate.pass_through()
        return Price(of=name, cents=7)

    @agent(reads=jobs, writes=results)
    async def hasty(text: str, ctx: Context) -> str:
        try:
            return str(await ctx.ask(prices, text, within_s=20))
        except NoAnswerInTime:
            await ctx.sleep(300)
            return "too late"

    async with team_of(hasty, slow, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        await until(lambda: asked(team))
        await team.advance(seconds=19)
        await team.kill(slow)
        await team.advance(seconds=10)
        gate.opened.set()
        await team.restart(slow)
        await until(lambda: on(team, "hasty.answers"))

        async def dropped() -> list[str]:
            await team.advance(seconds=0.1)  # within the sleep, however often it is looked
            return [e.sentence for e in await ledger(team) if isinstance(e, AnswerDropped)]

        assert await until(dropped, what="the late answer is dropped") == ["its step has ended"]
        await team.advance(seconds=301)

        assert await task.result(str) == "too late"
        records = await read_all(team.bus, team.full("hasty.answers"))
        assert [one.header("ce_type") for one in records] == [FAILURE_TYPE.encode()]


async def test_one_who_would_wait_behind_its_own_asker_is_told_so(team_of: TeamOf) -> None:
    told: list[str] = []
    numbers = Topic("numbers", carries=int, replies=int)

    @agent(reads=numbers)
    async def counter(number: int, ctx: Context) -> int:
        if number == 0:
            return 0
        try:
            return 1 + await ctx.ask(numbers, number - 1, key="one" if number < 3 else None)
        except AskCycle as circle:
            told.append(str(circle))
            return 100

    @agent(reads=jobs, writes=results)
    async def starter(text: str, ctx: Context) -> int:
        return await ctx.ask(numbers, int(text))

    async with team_of(starter, counter) as team:
        task = await team.submit(jobs, "5")

        assert await task.result(int) == 104
    assert "behind its own asker: jobs/" in told[0]
    assert told[0].count("numbers/one") == 2


async def test_questions_of_one_key_are_answered_one_after_the_other(team_of: TeamOf) -> None:
    inside: list[str] = []
    most: list[int] = []

    @agent(reads=prices)
    async def clerk(name: str, ctx: Context) -> Price:
        inside.append(name)
        most.append(len(inside))
        await ctx.sleep(1)
        inside.remove(name)
        return Price(of=name, cents=1)

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> int:
        key = None if text == "free" else "till"
        found = await ctx.gather(*(ctx.ask(prices, f"{text}{n}", key=key) for n in range(3)))
        return len(found)

    async with team_of(asker, clerk) as team:
        one = await team.submit(jobs, "a")
        await until(lambda: asked(team, 3))
        await until(lambda: goes_on(team, one))
        assert await one.result(int) == 3
        assert max(most) == 1
        two = await team.submit(jobs, "free")
        await until(lambda: asked(team, 6))
        await until(lambda: len(inside) == 3)
        await until(lambda: goes_on(team, two))
        assert await two.result(int) == 3
    assert max(most) == 3


async def test_a_large_question_and_a_large_answer_arrive_whole(team_of: TeamOf) -> None:
    texts = Topic("texts", carries=str, replies=str)

    @agent(reads=texts)
    async def doubler(text: str) -> str:
        return text * 2

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> int:
        return len(await ctx.ask(texts, text * 200_000))

    async with team_of(asker, doubler) as team:
        await team.kill(asker, at="after_intent_commit/ctx.ask")
        task = await team.submit(jobs, "x")
        await team.restart(asker)

        assert await task.result(int) == 400_000


async def test_a_canceled_asker_ends_and_so_does_its_question(team_of: TeamOf) -> None:
    gate = Gate()

    @agent(reads=prices)
    async def slow(name: str) -> Price:
        await gate.pass_through()
        return Price(of=name, cents=7)

    async with team_of(buyer, slow, tools=[note], partitions=1) as team:
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        await until(lambda: asked(team))
        await task.cancel()

        await task.until("canceled")
        await until(lambda: on(team, "buyer.answers"))
