"""What a lane promises about dead letters that are sent back or given up, on any broker."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Parts,
    Reach,
    Refused,
    State,
    ToolContext,
    Topic,
    agent,
    results,
    tool,
)
from handrail.errors import TaskUnknown
from handrail.ledger.event import Accepted, Discarded, Finished, Redriven, RedriveRefused
from handrail.runtime.dead_letters import ask_to_settle
from handrail.testing import Team
from handrail.testing.letters import open_letters
from handrail.testing.task import TeamTask
from handrail.wire.record import Outgoing
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]


class World:
    """What was done, and what goes wrong next."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.keys: list[str] = []
        self.wrong: dict[str, Exception] = {}

    def does(self, what: str, key: str = "") -> str:
        """Do something, or fail as planned."""
        self.done.append(what)
        self.keys.append(key)
        error = self.wrong.get(what.partition(" ")[0])
        if error is not None:
            raise error
        return f"{what} done"


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> World:
    WORLD.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return WORLD


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up."""
    return WORLD.does(f"look {text}")


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(ctx: ToolContext, text: str) -> str:
    """Pay, which nobody can take back."""
    return WORLD.does(f"pay {text}", ctx.idem_key)


@tool(effect=Idempotent(ttl_s=7 * 86_400), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(ctx: ToolContext, text: str) -> str:
    """Book at somebody who honours our key."""
    return WORLD.does(f"book {text}", ctx.idem_key)


TOOLS = [look, pay, book]
NO = Refused(State.INVALID_INPUT, "no such thing")


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    await ctx.call(look, text)
    await ctx.call(pay, text)
    return await ctx.call(book, text)


def real(team: Team) -> Team:
    """Let every tool of this file run."""
    for one in TOOLS:
        team.allow(one)
    return team


async def test_a_redrive_repeats_no_recorded_step_and_tries_the_failed_one_again(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.step == "3 book"
        assert letter.failure.journal is not None
        world.wrong.clear()
        await team.redrive(task)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "book x"]
        assert world.keys[-1] == world.keys[-2]
        (sent_back,) = [one for one in await ledger(team) if isinstance(one, Redriven)]
        assert (sent_back.by, sent_back.count, sent_back.run) == ("a test", 1, 0)


async def ask_again(team: Team, task: TeamTask, times: int) -> None:
    """Ask for the same dead letter so often at once, whatever becomes of it."""
    (letter,) = await open_letters(team, task)
    for _ in range(times):
        now_ms = team.clock.now_ms()
        await ask_to_settle(team.bus, team.namespace, letter, by="ann", now_ms=now_ms)
    await team.advance(seconds=2)


async def died(team: Team, task: TeamTask, world: World) -> None:
    """Let a task die of its booking, and heal what it died of."""
    world.wrong["book"] = NO
    await team.settle()
    await task.until("failed")
    world.wrong.clear()


async def test_a_dead_letter_that_is_sent_back_twice_runs_once(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await ask_again(team, task, 2)

        async def completed() -> bool:
            return await task.state() == "completed"

        await until(completed)
        assert world.done.count("book x") == 2

        async def refused() -> bool:
            return any(isinstance(one, RedriveRefused) for one in await ledger(team))

        await until(refused)
        told = await ledger(team)
        assert len([one for one in told if isinstance(one, Redriven)]) == 1
        assert len([one for one in told if isinstance(one, Finished)]) == 1
        (refusal,) = [one for one in told if isinstance(one, RedriveRefused)]
        assert "it was sent back already, by ann" in refusal.sentence

        await team.kill(clerk)
        await team.restart(clerk)
        later = await real(team).submit(jobs, "y")
        assert await later.result(str) == "book y done"
        assert [one for one in await ledger(team) if isinstance(one, RedriveRefused)] == [refusal]


@pytest.mark.parametrize(
    "moment", ["before_redrive", "after_redrive_commit", "before_final", "after_final_commit"]
)
async def test_a_redrive_is_done_once_wherever_its_process_is_killed(
    team_of: TeamOf, world: World, moment: str
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await team.kill(clerk, at=moment)
        redriving = asyncio.create_task(team.redrive(task))
        await team.restart(clerk)
        await team.advance(seconds=2)
        await redriving

        assert await task.result(str) == "book x done"
        assert world.done[:2] == ["look x", "pay x"]
        # Killed before its outcome was committed, it books again, which the key makes harmless.
        assert set(world.done[2:]) == {"book x"}
        assert len(set(world.keys[2:])) == 1
        told = await ledger(team)
        assert len([one for one in told if isinstance(one, Redriven)]) == 1
        assert not [one for one in told if isinstance(one, RedriveRefused)]


async def test_a_process_that_dies_with_a_journal_kept_and_no_dead_letter_leaves_one_letter(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        await team.kill(clerk, at="after_kept_journal_commit")
        task = await real(team).submit(jobs, "x")
        await team.restart(clerk)
        await died(team, task, world)
        assert len(await task.dead_letters()) == 1
        await team.redrive(task)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "book x"]


async def test_from_a_step_on_everything_is_done_anew_under_new_keys(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await died(team, task, world)
        await team.redrive(task, from_step=2)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "pay x", "book x"]
        assert len(set(world.keys)) == 5  # none of look, and of each other one its own
        (finished,) = [one for one in await ledger(team) if isinstance(one, Finished)]
        assert finished.run == 1


async def test_an_unsafe_step_whose_outcome_nobody_knows_goes_to_a_person_also_after_a_redrive(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["pay"] = RuntimeError("the line broke")
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("failed")
        world.wrong.clear()
        await team.redrive(task)
        await task.until("input_required")
        assert world.done == ["look x", "pay x"]
        await team.resolve(task, happened=True, result="paid by hand")

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x"]


async def test_a_handoff_that_is_sent_back_three_times_and_dies_each_time_is_left_alone(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        for count in range(4):
            await task.until("failed")
            (letter,) = await open_letters(team, task)
            assert letter.letter.failure.redrive == count
            if count < 3:
                await team.redrive(task)

        with pytest.raises(AssertionError, match="3 times already"):
            await team.redrive(task)
        assert world.done.count("look x") == world.done.count("pay x") == 1
        assert world.done.count("book x") == 4


async def test_what_died_of_its_deadline_gets_time_anew(team_of: TeamOf, world: World) -> None:
    world.wrong["book"] = ConnectionError("away")
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x", deadline_s=60)
        await until(lambda: "book x" in world.done, what="the first try of what is away")
        await team.advance(minutes=5)
        await task.until("failed")
        world.wrong.clear()
        await team.redrive(task)

        assert await task.result(str) == "book x done"
        assert world.done.count("pay x") == 1


class Order(BaseModel):
    """What the typed agents below carry."""

    text: str


orders = Topic("orders", carries=Order)


@agent(reads=orders, writes=results)
async def seller(order: Order) -> str:
    return f"sold {order.text}"


async def a_rejected_order(team: Team, reference: str, body: bytes) -> TeamTask:
    """Let a foreign client send an order that is none, and wait until it is rejected."""
    await team.bus.sender().send(Outgoing(team.full("orders"), reference.encode(), body, ()))

    async def known() -> TeamTask | None:
        try:
            return TeamTask(team, await team.client.task(reference))
        except TaskUnknown:
            return None

    task = await until(known, what="its task has a state")
    assert task is not None
    await task.until("rejected")
    return task


async def test_bytes_that_nobody_can_read_are_edited_and_carried_out(team_of: TeamOf) -> None:
    async with team_of(seller) as team:
        task = await a_rejected_order(team, "invoice-7", b'{"text": ')
        with pytest.raises(AssertionError, match="would die again at once"):
            await team.redrive(task)
        await team.redrive(task, edit=Order(text="a boat"))

        assert await task.result(str) == "sold a boat"


asks, parts = Topic("asks", carries=str), Topic("parts", carries=str)


@agent(reads=asks, writes=parts)
async def splitter(text: str) -> list[str]:
    return text.split()


@agent(reads=parts, writes=results)
async def joiner(found: Parts[str], ctx: Context) -> str:
    await ctx.call(look, " ".join(found))
    return await ctx.call(book, "+".join(found))


async def test_the_parts_of_a_gather_that_died_are_gathered_again(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(splitter, joiner, tools=TOOLS) as team:
        task = await real(team).submit(asks, "a b c")
        await died(team, task, world)
        await team.kill(joiner, at="after_redrive_commit")
        redriving = asyncio.create_task(team.redrive(task))
        await team.restart(joiner)
        await team.advance(seconds=2)
        await redriving

        assert await task.result(str) == "book a+b+c done"
        assert world.done == ["look a b c", "book a+b+c", "book a+b+c"]


async def test_a_dead_letter_that_is_given_up_stays_given_up(team_of: TeamOf, world: World) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("failed")
        (letter,) = await open_letters(team, task)
        await team.discard(task, "the customer has left")

        assert await open_letters(team, task) == []
        assert await task.state() == "failed"
        (told,) = [one for one in await ledger(team) if isinstance(one, Discarded)]
        assert (told.by, told.why) == ("a test", "the customer has left")
        now_ms = team.clock.now_ms()
        await ask_to_settle(team.bus, team.namespace, letter, by="ann", now_ms=now_ms)
        await team.advance(seconds=2)

        async def refused() -> bool:
            return any(isinstance(one, RedriveRefused) for one in await ledger(team))

        await until(refused)
        assert world.done.count("book x") == 1


async def test_the_header_of_a_redrive_means_nothing_in_an_inbox(team_of: TeamOf) -> None:
    async with team_of(seller) as team:
        record = Outgoing(team.full("orders"), b"k", b'{"text": "x"}', (("ce_redriveof", b"0"),))
        await team.bus.sender().send(record)

        async def finished() -> bool:
            return any(isinstance(one, Finished) for one in await ledger(team))

        await until(finished)
        told = await ledger(team)
        assert len([one for one in told if isinstance(one, Accepted)]) == 1
        assert not [one for one in told if isinstance(one, Redriven)]
