"""What is promised when a task is undone more than once, on whatever broker is used."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from handrail import (
    Approval,
    Context,
    Effect,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.contract.tool import Tool
from handrail.ledger.event import PersonAsked
from handrail.ledger.undo_event import ActDone, ActUndone, UndoBegun
from handrail.runtime.people import one_request
from handrail.runtime.undo import UNDO, UNDOER, UndoOrder, UndoReport
from handrail.testing import Team, TeamTask
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]


class Outside:
    """What was hired and booked, every call in order, and whom a tool has to wait for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: list[Exception] = []
        self.keys: list[str] = []
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()


OUTSIDE = Outside()


@pytest.fixture
def outside() -> Outside:
    OUTSIDE.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return OUTSIDE


class Number(BaseModel):
    number: str


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, undo="unhire")
async def hire(car: str) -> Number:
    """Hire a car."""
    OUTSIDE.calls.append(f"hire {car}")
    return Number(number=f"n-{car}")


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT)
async def unhire(number: str) -> str:
    """Give a car back, which counts each time."""
    if OUTSIDE.failures:
        raise OUTSIDE.failures.pop(0)
    OUTSIDE.calls.append(f"unhire {number}")
    OUTSIDE.entered.set()
    await OUTSIDE.gate.wait()
    return "done"


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, undo="unbook")
async def book(hotel: str) -> Number:
    """Book a room."""
    OUTSIDE.calls.append(f"book {hotel}")
    return Number(number=f"n-{hotel}")


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT)
async def unbook(ctx: ToolContext, number: str) -> str:
    """Take a booking back, once for each key; what fails of it fails when it is asked again."""
    if OUTSIDE.keys and OUTSIDE.failures:
        raise OUTSIDE.failures.pop(0)
    if ctx.idem_key not in OUTSIDE.keys:
        OUTSIDE.calls.append(f"unbook {number}")
    OUTSIDE.keys.append(ctx.idem_key)
    return "done"


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, undo="unrent")
async def rent(car: str) -> Number:
    """Rent a car."""
    OUTSIDE.calls.append(f"rent {car}")
    return Number(number=f"n-{car}")


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, approval=Approval())
async def unrent(number: str) -> str:
    """Give a car back, which somebody has to approve."""
    OUTSIDE.calls.append(f"unrent {number}")
    OUTSIDE.entered.set()
    await OUTSIDE.gate.wait()
    return "done"


TOOLS: list[Any] = [hire, unhire, book, unbook, rent, unrent]


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, undo="unseat")
async def seat(name: str) -> Number:
    """Keep a seat."""
    OUTSIDE.calls.append(f"seat {name}")
    return Number(number=f"n-{name}")


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT, approval=Approval())
async def unseat(ctx: ToolContext, number: str) -> str:
    """Give a seat back, once for each key, which somebody has to approve."""
    if ctx.idem_key not in OUTSIDE.keys:
        OUTSIDE.calls.append(f"unseat {number}")
    OUTSIDE.keys.append(ctx.idem_key)
    return "done"


TOOLS += [seat, unseat]


@agent(reads=jobs, writes=results)
async def traveller(wish: str, ctx: Context) -> str:
    what, _, name = wish.partition(" ")
    if what == "wait":
        return str(await ctx.ask_person("Where to?"))
    acts: dict[str, Tool[[str], Number]] = {"hire": hire, "book": book, "rent": rent, "seat": seat}
    return (await ctx.call(acts[what], name)).number


def undoer_of(team: Team) -> Any:
    return next(one for one in team.agents if one.name == UNDOER)


async def done(team: Team, wish: str) -> TeamTask:
    for one in TOOLS:
        team.allow(one)
    task = await team.submit(jobs, wish)
    await task.result(str)
    return task


async def asked(team: Team, undoing: TeamTask) -> str:
    facts = await undoing.task.facts()
    assert facts is not None
    return (await one_request(team.bus, team.namespace, facts, None)).text


@pytest.mark.parametrize("moment", ["after_intent_commit/unhire", "after_act/unhire"])
async def test_what_a_canceled_undo_has_begun_is_never_repeated_without_a_persons_word(
    team_of: TeamOf, outside: Outside, moment: str
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task, undoer = await done(team, "hire fiat"), undoer_of(team)
        await team.kill(undoer, at=moment)
        first = await team.undo(task)
        await team.restart(undoer)
        await first.until("input_required")  # nobody knows whether it happened
        await first.cancel("it takes too long")
        await first.until("canceled")
        happened = moment.startswith("after_act")

        second = await team.undo(task)
        await second.until("input_required")

        assert f"it was begun to be taken back by task {first.id}" in await asked(team, second)
        await team.answer(second, "by hand" if happened else "again")
        assert (await second.result(UndoReport)).left == []
        assert outside.calls == ["hire fiat", "unhire n-fiat"]
        assert sum(isinstance(one, ActUndone) for one in await ledger(team)) == 1


async def canceled_after_its_act(team: Team, task: TeamTask) -> None:
    """Begin an undo whose process dies once its tool has acted, and cancel it."""
    undoer = undoer_of(team)
    (member,) = [one for one in team.members if one.agent is undoer]
    await team.kill(undoer, at="after_act/unbook")
    undo = await team.undo(task)
    await asyncio.wait_for(member.kill_point.reached_it.wait(), team.patience_s)
    await undo.cancel("it takes too long")
    await team.restart(undoer)
    await undo.until("canceled")


async def test_what_a_canceled_undo_has_begun_is_asked_for_again_under_the_key_of_the_act(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "book ritz")
        await canceled_after_its_act(team, task)

        report = await (await team.undo(task)).result(UndoReport)

        assert (len(report.undone), report.left) == (1, [])
        assert outside.calls == ["book ritz", "unbook n-ritz"]
        (act,) = [one.act for one in await ledger(team) if isinstance(one, ActDone)]
        assert outside.keys == [hashlib.sha256(f"undo/{act}".encode()).hexdigest()] * 2


async def test_once_its_receiver_may_have_forgotten_the_key_a_person_is_asked(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "book ritz")
        await canceled_after_its_act(team, task)
        await team.advance(hours=1)

        second = await team.undo(task)
        await second.until("input_required")

        assert "nobody knows what came of that" in await asked(team, second)
        await team.answer(second, "leave")
        assert len((await second.result(UndoReport)).left) == 1
        assert outside.calls == ["book ritz", "unbook n-ritz"]


@pytest.mark.parametrize(
    ("failure", "asks"),
    [(Refused(State.CONFLICT, "it is closed"), False), (ValueError("odd"), True)],
)
async def test_only_an_undo_that_has_failed_for_certain_is_begun_again_by_itself(
    team_of: TeamOf, outside: Outside, failure: Exception, *, asks: bool
) -> None:
    outside.failures.append(failure)
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await done(team, "hire fiat")
        first = await team.undo(task)
        await first.until("input_required")
        await team.answer(first, "leave")
        assert len((await first.result(UndoReport)).left) == 1

        second = await team.undo(task)
        if asks:
            await second.until("input_required")
            await team.answer(second, "again")

        assert (await second.result(UndoReport)).left == []
        assert outside.calls == ["hire fiat", "unhire n-fiat"]
        questions = [one for one in await ledger(team) if isinstance(one, PersonAsked)]
        assert len(questions) == (2 if asks else 1)


async def undone_twice(team: Team) -> list[TeamTask]:
    """Rent a car, and give two undos: each has listed the act before either takes it back."""
    task = await done(team, "rent fiat")
    both = [await team.submit(UNDO, UndoOrder(task=task.id)) for _ in range(2)]
    for one in both:
        await one.until("auth_required")
    return both


async def taking_back(team: Team, outside: Outside, undoing: TeamTask) -> None:
    """Approve an undo and wait until its tool acts, which ends once the gate is open again."""
    outside.gate.clear()
    await team.approve(undoing)
    await asyncio.wait_for(outside.entered.wait(), team.patience_s)


async def test_of_two_undos_that_race_one_acts_and_the_other_finds_it_done(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        both = await undone_twice(team)
        await taking_back(team, outside, both[0])
        await team.approve(both[1])
        await both[1].until("input_required")
        assert f"task {both[0].id} has begun to take" in await asked(team, both[1])

        outside.gate.set()
        assert (await both[0].result(UndoReport)).left == []
        await team.answer(both[1], "again")

        assert (await both[1].result(UndoReport)).left == []
        assert outside.calls == ["rent fiat", "unrent n-fiat"]
        assert sum(isinstance(one, UndoBegun) for one in await ledger(team)) == 2


async def test_an_undo_that_was_listed_before_another_one_ended_takes_nothing_back_twice(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        both = await undone_twice(team)
        await team.approve(both[0])
        assert (await both[0].result(UndoReport)).left == []

        await team.approve(both[1])

        assert (await both[1].result(UndoReport)).left == []
        assert outside.calls == ["rent fiat", "unrent n-fiat"]


async def test_an_order_for_a_task_that_has_not_ended_is_refused_in_words_whoever_wrote_it(
    team_of: TeamOf, outside: Outside
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        waits = await team.submit(jobs, "wait")
        await waits.until("input_required")

        early = await team.submit(UNDO, UndoOrder(task=waits.id))
        strange = await team.submit(UNDO, UndoOrder(task="nobody's"))
        for undoing, words in ((early, "it has not ended"), (strange, "tells of no such task")):
            await undoing.until("failed")
            (letter,) = await undoing.dead_letters()
            assert words in str(letter.failure)

        await team.answer(waits, "Rome")
        await waits.result(str)
