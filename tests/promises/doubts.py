"""What a lane promises about steps whose outcome was lost, on whatever broker `team_of` uses."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Context, agent, results
from handrail.lane.journal import Kind
from handrail.ledger.event import PersonAnswered, PersonAsked, StepWasted
from handrail.runtime.doubts import decide, open_doubts
from handrail.testing import Team, says
from tests.promises.gate import Gate
from tests.promises.step_tools import (
    TOOLS,
    Acts,
    book,
    jobs,
    ledger,
    left_of_steps,
    look,
    order,
    pay,
    real,
    rent,
    worker,
)
from tests.waiting import until

TeamOf = Callable[..., Team]


async def test_an_unsafe_step_without_an_outcome_waits_for_a_person_and_others_flow(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team).model.script(says("done", when="paid y"))
        await team.kill(worker, at="after_act/pay")
        task = await team.submit(jobs, "x")
        await team.restart(worker)
        await task.until("input_required")
        other = await team.submit(jobs, "y")

        assert await other.result(str) == "done: paid y"
        assert [done for done in acts.done if done.startswith("pay")] == ["pay x", "pay y"]
        assert 'step 2, pay(text="x"), was begun at' in await task.task.explanation()
        asked = [e for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert [(one.kind, one.agent) for one in asked] == [("doubt", "worker")]


async def test_a_doubt_is_told_at_once_whoever_else_is_under_suspicion(
    team_of: TeamOf, acts: Acts
) -> None:
    gate, begun = Gate(), list[str]()

    @agent(reads=jobs, writes=results)
    async def payer(text: str, ctx: Context) -> str:
        found = await ctx.call(look, text)
        begun.append(text)
        if text == "long":
            await gate.pass_through()
            return found.text
        return await ctx.call(pay, found.text)

    async with team_of(payer, tools=TOOLS, partitions=1) as team:
        real(team)
        first = await team.submit(jobs, "long")
        for number in (1, 2):
            await until(lambda n=number: begun.count("long") == n)
            await team.kill(payer)
            await team.restart(payer)
        await until(lambda: begun.count("long") == 3)
        await team.kill(payer, at="after_act/pay")
        task = await team.submit(jobs, "x")
        await team.restart(payer)
        await task.until("input_required")
        gate.opened.set()

        assert await first.result(str) == "long"


async def test_a_doubt_survives_further_crashes_and_its_task_s_deadline(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(worker, at="after_intent_commit")
        task = await team.submit(jobs, "x", deadline_s=60)
        await team.restart(worker)
        await task.until("input_required")
        await team.advance(seconds=120)
        await team.kill(worker)
        await team.restart(worker)
        await team.advance(seconds=5)

        assert await task.state() == "input_required"
        assert acts.done == ["look x"]
        kinds = [entry.kind for entry in await left_of_steps(team, "worker")]
        assert sorted(kinds) == [Kind.IN_DOUBT, Kind.INTENT, Kind.OUTCOME]


async def test_a_doubt_is_put_to_a_person_even_if_the_deadline_passed_before_anybody_looked(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(worker, at="after_act/pay")
        task = await team.submit(jobs, "x", deadline_s=60)
        await team.members[0].kill_point.reached_it.wait()
        await team.advance(seconds=120)
        await team.restart(worker)

        await task.until("input_required")
        assert acts.done == ["look x", "pay x"]


async def test_an_unsafe_act_that_the_deadline_cuts_off_is_in_doubt_and_not_just_dead(
    team_of: TeamOf, acts: Acts
) -> None:
    gate = Gate()

    async def slow(text: str) -> str:
        acts.done.append(f"pay {text}")
        await gate.pass_through()
        return f"paid {text}"

    @agent(reads=jobs, writes=results)
    async def payer(text: str, ctx: Context) -> str:
        return await ctx.call(pay, text)

    async with team_of(payer, tools=TOOLS, partitions=1) as team:
        real(team).fake(pay, does=slow)
        task = await team.submit(jobs, "x", deadline_s=60)
        await gate.entered.wait()
        await task.until("working")
        await team.advance(seconds=62)

        await task.until("input_required")
        await team.resolve(task, happened=True, result="paid x")
        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"
    assert acts.done == ["pay x"]


async def test_an_outcome_in_hand_is_kept_when_the_lane_has_to_open_anew(
    team_of: TeamOf, acts: Acts
) -> None:
    gate = Gate()

    async def slow(text: str) -> str:
        acts.done.append(f"pay {text}")
        await gate.pass_through()
        return f"paid {text}"

    @agent(reads=jobs, writes=results)
    async def payer(text: str, ctx: Context) -> str:
        return await ctx.call(pay, text)

    async with team_of(payer, tools=TOOLS, partitions=1) as team:
        real(team).fake(pay, does=slow)
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        (lane,) = team.members[0].process.lanes
        fence = team.bus.lane_producer(lane.place.transactional_id)
        await fence.init(deadline_s=10)
        await fence.close()
        gate.opened.set()

        assert await task.result(str) == "paid x"
    assert acts.done == ["pay x"]


async def test_a_paid_step_is_asked_again_and_the_waste_is_in_the_books(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def renter(text: str, ctx: Context) -> str:
        return await ctx.call(rent, text)

    async with team_of(renter, tools=TOOLS) as team:
        real(team)
        await team.kill(renter, at="after_act")
        task = await team.submit(jobs, "x")
        await team.restart(renter)

        assert await task.result(str) == "rented x"
        assert acts.done == ["rent x", "rent x"]
        assert acts.keys[0] == acts.keys[1], "the key of a step is the same in every attempt"
        wasted = [e for e in await ledger(team) if isinstance(e, StepWasted)]
        assert [(one.step, one.attempt, one.text) for one in wasted] == [("1", 1, 'rent(text="x")')]


async def test_a_key_is_used_again_while_its_receiver_knows_it_and_not_after(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def booker(text: str, ctx: Context) -> str:
        return await ctx.call(book, text)

    async with team_of(booker, tools=TOOLS) as team:
        real(team)
        await team.kill(booker, at="after_act")
        task = await team.submit(jobs, "x")
        await team.restart(booker)
        assert await task.result(str) == "booked x"
        assert acts.keys[0] == acts.keys[1]

        await team.kill(booker, at="after_act")
        late = await team.submit(jobs, "y")
        await team.members[0].kill_point.reached_it.wait()
        await team.advance(minutes=59, seconds=30)
        await team.restart(booker)
        await late.until("input_required")

    assert acts.done == ["book x", "book x", "book y"]


@pytest.mark.parametrize("happened", [True, False])
async def test_a_receiver_that_can_be_asked_is_asked_once_it_has_settled(
    team_of: TeamOf, acts: Acts, happened: bool
) -> None:
    @agent(reads=jobs, writes=results)
    async def orderer(text: str, ctx: Context) -> str:
        return await ctx.call(order, text)

    async with team_of(orderer, tools=TOOLS) as team:
        real(team)
        await team.kill(orderer, at="after_act" if happened else "after_intent_commit")
        task = await team.submit(jobs, "x")
        await team.restart(orderer)
        await task.until("working")
        assert "asked" not in acts.done
        await team.advance(seconds=6)

        assert await task.result(str) == "ordered x"
    assert acts.done == (["order x", "asked"] if happened else ["asked", "order x"])


@pytest.mark.parametrize("happened", [True, False])
async def test_a_person_ends_a_doubt_and_the_invocation_goes_on(
    team_of: TeamOf, acts: Acts, happened: bool
) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team).model.script(says("done"))
        await team.kill(worker, at="after_act/pay" if happened else "after_intent_commit/pay")
        task = await team.submit(jobs, "x")
        await team.restart(worker)
        await task.until("input_required")
        result = "paid by hand" if happened else None
        await team.resolve(task, happened=happened, result=result, by="Ada")

        paid = "paid by hand" if happened else "paid x"
        assert await task.result(str) == f"done: {paid}"
        assert acts.done == ["look x", "pay x"]
        answered = [e for e in await ledger(team) if isinstance(e, PersonAnswered)]
        words = "it happened" if happened else "it did not happen"
        assert [(one.by, one.decision) for one in answered] == [("Ada", words)]


async def test_a_decision_says_nothing_about_a_later_attempt(team_of: TeamOf, acts: Acts) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(worker, at="after_intent_commit/pay")
        task = await team.submit(jobs, "x")
        await team.restart(worker)
        await task.until("input_required")
        await team.kill(worker, at="after_act/pay")
        (first,) = open_doubts(await ledger(team))
        await team.resolve(task, happened=False)
        await team.restart(worker)
        await until(lambda: asked_twice(team))
        await decide(team.bus, team.namespace, first, None, "an echo", team.clock.now_ms())
        await team.advance(seconds=3)

        await task.until("input_required")
        assert acts.done == ["look x", "pay x"], "the echo repeats nothing"


async def asked_twice(team: Team) -> bool:
    return len({e.request for e in await ledger(team) if isinstance(e, PersonAsked)}) == 2


async def test_an_unsafe_step_cut_off_at_its_deadline_is_in_doubt_whatever_its_handler_makes_of_it(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def easy(text: str, ctx: Context) -> str:
        try:
            return await ctx.call(pay, text)
        except asyncio.CancelledError:
            if text == "raises":
                raise ValueError("it took too long") from None
            return "it took too long"

    async def never_ends(text: str) -> str:
        acts.done.append(f"pay {text}")
        await asyncio.Event().wait()
        return text

    async with team_of(easy, tools=TOOLS, partitions=1) as team:
        real(team).fake(pay, does=never_ends)
        tasks = [await team.submit(jobs, text, deadline_s=60) for text in ("returns", "raises")]
        await until(lambda: len(acts.done) == 2, what="both have begun to pay")
        await team.advance(seconds=62)

        for task in tasks:
            await task.until("input_required")
        kinds = [e.kind for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert kinds == ["doubt", "doubt"]
