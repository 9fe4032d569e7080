"""What canceling a task promises, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Client, Context, Effect, Integrity, Parts, Reach, Topic, agent, results, tool
from handrail.errors import TaskCanceled, TaskEnded, TaskUnknown
from handrail.ledger.event import CancelAsked, Dropped, PersonAnswered, StepWasted
from handrail.ledger.task_record import RESULTS, decode_end, decode_row
from handrail.ledger.task_state import TaskFacts
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.task import TeamTask
from handrail.wire.record import Record
from tests.promises.gate import Gate
from tests.promises.step_tools import (
    TOOLS,
    Acts,
    jobs,
    ledger,
    left_of_steps,
    pay,
    real,
    rent,
    worker,
)
from tests.waiting import until

TeamOf = Callable[..., Team]

doors = Topic("doors", carries=str)
orders = Topic("orders", carries=str, key=lambda _: "one key")
asked, pieces = Topic("asked", carries=str), Topic("pieces", carries=str)
joined = Topic("joined", carries=str)


class Seen:
    """What handlers have done, and where they are held up."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.gate = Gate()
        self.act = Gate()


SEEN = Seen()


@pytest.fixture(autouse=True)
def seen() -> Seen:
    SEEN.__init__()  # type: ignore[misc]  # the agents below know it by its name
    return SEEN


@agent(reads=doors, writes=orders)
async def porter(text: str) -> str:
    return text


@agent(reads=orders, writes=results)
async def shop(text: str) -> str:
    SEEN.ran.append(text)
    if text == "held":
        await SEEN.gate.pass_through()
    return text


def waiting_at(team: Team, who: object) -> int:
    """How many that agent holds beside those that run."""
    (member,) = [one for one in team.members if one.agent is who]
    (status,) = member.process.status()
    return status.waiting - status.running


async def facts_of(team: Team, task: TeamTask) -> TaskFacts:
    async def row() -> Record | None:
        rows = await read_all(team.bus, team.full("tasks"))
        return next((one for one in reversed(rows) if one.key == task.id.encode()), None)

    found: Record | None = await until(row, within_s=team.patience_s, what="the task has a row")
    assert found is not None
    return decode_row(found).facts


async def has_nothing_open(team: Team, task: TeamTask) -> None:
    async def closed() -> bool:
        facts = await facts_of(team, task)
        return facts.accepted and facts.open == 0 and not facts.requests

    found: bool = await until(closed, within_s=team.patience_s)
    assert found


async def is_canceled(team: Team, task: TeamTask) -> None:
    """It says so wherever one looks, and nothing of it is a dead letter."""
    with pytest.raises(TaskCanceled) as found:
        await task.result(str)
    assert "no longer wanted" in found.value.why
    assert await task.state() == "canceled"
    assert await task.dead_letters() == []
    ends = [decode_end(one) for one in await read_all(team.bus, team.full(RESULTS))]
    assert [one.state for one in ends if one is not None and one.task == task.id] == ["canceled"]


async def test_a_task_that_waits_in_a_mailbox_ends_and_the_others_of_its_key_flow_on(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        first = await team.submit(doors, "held")
        await seen.gate.entered.wait()
        second = await team.submit(doors, "second")
        third = await team.submit(doors, "third")
        await until(lambda: waiting_at(team, shop) == 2, within_s=team.patience_s)

        await second.cancel("no longer wanted")

        await is_canceled(team, second)
        seen.gate.opened.set()
        assert [await first.result(str), await third.result(str)] == ["held", "third"]
        await has_nothing_open(team, second)
        assert seen.ran == ["held", "third"]


async def test_a_canceled_handoff_that_is_read_ends_at_once_whatever_runs_before_it(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        first = await team.submit(doors, "held")
        await seen.gate.entered.wait()
        second = await team.submit(doors, "second")
        await until(lambda: waiting_at(team, shop) == 1, within_s=team.patience_s)
        await team.kill(shop)
        await second.cancel("no longer wanted")

        await team.restart(shop)

        await has_nothing_open(team, second)
        assert await first.state() == "working"
        seen.gate.opened.set()
        assert await first.result(str) == "held"


async def test_a_handler_that_runs_is_interrupted_and_the_next_of_its_key_starts(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        first = await team.submit(doors, "held")
        await seen.gate.entered.wait()
        second = await team.submit(doors, "second")

        await first.cancel("no longer wanted")

        await is_canceled(team, first)
        assert await second.result(str) == "second"
        await has_nothing_open(team, first)


@agent(reads=jobs, writes=results)
async def stubborn(text: str) -> str:
    try:
        await SEEN.gate.pass_through()
    except asyncio.CancelledError:
        SEEN.ran.append("went on")
    await SEEN.act.pass_through()
    return text


async def test_a_handler_that_swallows_its_cancellation_is_interrupted_again(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(stubborn, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await seen.gate.entered.wait()
        await task.cancel("no longer wanted")
        await seen.act.entered.wait()
        await team.advance(seconds=10)

        await has_nothing_open(team, task)
        assert await task.state() == "canceled"
        assert seen.ran == ["went on"]


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def post(text: str) -> str:
    """Send a letter, which takes its time and cannot be taken back."""
    await SEEN.act.pass_through()
    SEEN.ran.append(f"posted {text}")
    return text


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    first = await ctx.call(post, text)
    try:
        return await ctx.call(post, f"{first} again")
    except Exception:  # noqa: BLE001 - a handler that will not be told
        return "went on"


async def test_a_step_that_has_begun_may_end_and_no_further_one_starts(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(clerk, tools=[post], partitions=1) as team:
        team.allow(post)
        task = await team.submit(jobs, "a letter")
        await seen.act.entered.wait()

        await task.cancel("no longer wanted")
        await is_canceled(team, task)
        seen.act.opened.set()

        await has_nothing_open(team, task)
        assert seen.ran == ["posted a letter"]
        assert await left_of_steps(team, "clerk") == []


@agent(reads=asked, writes=pieces)
async def splitter(text: str) -> list[str]:
    return text.split()


@agent(reads=pieces, writes=joined)
async def maker(text: str) -> str:
    if text == "held":
        await SEEN.gate.pass_through()
    return text.upper()


@agent(reads=joined, writes=results)
async def joiner(parts: Parts[str]) -> str:
    SEEN.ran.append("joined")
    return " ".join(parts)


async def test_a_fan_out_that_is_half_gathered_ends(team_of: TeamOf, seen: Seen) -> None:
    async with team_of(splitter, maker, joiner) as team:
        task = await team.submit(asked, "a b held c")

        async def three_are_in() -> bool:
            return (await facts_of(team, task)).open_at == {"pieces": 1, "joined": 1}

        await seen.gate.entered.wait()
        half_in: bool = await until(three_are_in, within_s=team.patience_s)
        assert half_in

        await task.cancel("no longer wanted")

        await is_canceled(team, task)
        await has_nothing_open(team, task)
        assert seen.ran == []
        other = await team.submit(asked, "a b")
        assert await other.result(str) == "A B"


async def test_canceling_twice_is_canceling_once(team_of: TeamOf, seen: Seen) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        task = await team.submit(doors, "held")
        await seen.gate.entered.wait()

        await asyncio.gather(task.cancel("no longer wanted"), task.cancel("no longer wanted"))
        await is_canceled(team, task)
        await task.cancel("another reason")

        await has_nothing_open(team, task)
        await is_canceled(team, task)


async def test_a_task_that_has_ended_is_not_canceled_and_says_so(team_of: TeamOf) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        task = await team.submit(doors, "x")
        await task.until("completed")

        with pytest.raises(TaskEnded) as refused:
            await task.cancel()

        assert (refused.value.exit_code, refused.value.facts["state"]) == (5, "completed")
        assert await task.result(str) == "x"
        assert not [e for e in await ledger(team) if isinstance(e, CancelAsked)]


async def test_a_task_that_nobody_knows_cannot_be_canceled(team_of: TeamOf) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        with pytest.raises(TaskUnknown) as unknown:
            await team.client.cancel("nobody's")

        assert unknown.value.exit_code == 3


async def test_a_process_that_starts_after_the_cancel_knows_of_it(
    team_of: TeamOf, seen: Seen
) -> None:
    async with team_of(porter, shop, partitions=1) as team:
        untaken = Client(bus=team.bus, namespace=team.namespace, clock=team.clock)
        first = await team.submit(doors, "held", reference="invoice-1")
        await seen.gate.entered.wait()
        await team.kill(shop)
        second = await team.submit(doors, "second")
        async with untaken as client:
            await client.cancel("invoice-1", "no longer wanted")
        await second.cancel("no longer wanted")

        await team.restart(shop)
        third = await team.submit(doors, "third")

        assert await third.result(str) == "third"
        assert seen.ran == ["held", "third"]
        await is_canceled(team, first)
        await is_canceled(team, second)
        await has_nothing_open(team, first)
        dropped = {e.ce_id for e in await ledger(team) if isinstance(e, Dropped)}
        assert len(dropped) == 2


async def test_a_task_that_waits_for_a_person_ends_and_the_question_is_closed(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(worker, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(worker, at="after_intent_commit")
        task = await team.submit(jobs, "x")
        await team.restart(worker)
        await task.until("input_required")

        await task.cancel("no longer wanted")

        await is_canceled(team, task)
        await has_nothing_open(team, task)
        (closed,) = [e for e in await ledger(team) if isinstance(e, PersonAnswered)]
        assert "nobody knows whether step" in closed.decision
        assert await left_of_steps(team, "worker") == []


@agent(reads=jobs, writes=results)
async def leaser(text: str, ctx: Context) -> list[str]:
    return [*await ctx.gather(ctx.call(rent, text), ctx.call(pay, text))]


async def test_what_was_perhaps_paid_for_is_in_the_books_when_its_task_is_canceled(
    team_of: TeamOf, seen: Seen
) -> None:
    async def slow(text: str) -> str:
        await seen.act.opened.wait()
        return text

    async with team_of(leaser, tools=TOOLS, partitions=1) as team:
        real(team).fake(rent, does=slow)
        await team.kill(leaser, at="after_act/pay")
        task = await team.submit(jobs, "x")
        await team.restart(leaser)
        await task.until("input_required")

        await task.cancel("no longer wanted")

        await is_canceled(team, task)
        wasted = [e for e in await ledger(team) if isinstance(e, StepWasted)]
        assert [(one.step, one.attempt, one.text) for one in wasted] == [("1", 1, 'rent(text="x")')]


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def glance(text: str) -> str:
    """Look at something, which leaves no trace."""
    SEEN.ran.append(text)
    return text


@agent(reads=jobs, writes=results)
async def reader(text: str, ctx: Context) -> str:
    await ctx.call(glance, "first")
    return await ctx.call(glance, "second")


async def test_no_step_begins_after_the_deadline(team_of: TeamOf, seen: Seen) -> None:
    async with team_of(reader, tools=[glance], partitions=1) as team:

        def for_a_long_time(text: str) -> str:
            seen.ran.append(text)
            team.clock.move_to(team.clock.now_ms() + 61_000)
            return text

        team.fake(glance, does=for_a_long_time)
        task = await team.submit(jobs, "x", deadline_s=60)
        await task.until("failed")

        assert seen.ran == ["first"]
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"
