"""What is promised when a task is undone, on whatever broker is used."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Refused,
    State,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.errors import UndoRefused
from handrail.ledger.undo_event import ActUndone, UndoFailed
from handrail.runtime.people import one_request
from handrail.runtime.undo import UNDOER, UndoReport
from handrail.testing import Team
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]


class World:
    """The outside: what was booked, and every call in order."""

    def __init__(self) -> None:
        self.booked: dict[str, str] = {}
        self.calls: list[str] = []
        self.keys: dict[str, str] = {}
        self.failures: list[Exception] = []


WORLD = World()


@pytest.fixture
def world() -> World:
    WORLD.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return WORLD


class Booking(BaseModel):
    number: str


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="unbook", undo_within="PT10M")
async def book(hotel: str) -> Booking:
    """Book a room."""
    number = f"b-{len(WORLD.calls)}"
    WORLD.calls.append(f"book {hotel}")
    WORLD.booked[number] = hotel
    return Booking(number=number)


@tool(effect=Idempotent(ttl_s=3600))
async def unbook(ctx: ToolContext, number: str, hotel: str) -> str:
    """Take a booking back, by what it was called with and what it gave."""
    if WORLD.failures:
        raise WORLD.failures.pop(0)
    if ctx.idem_key in WORLD.keys:
        return "again"
    WORLD.keys[ctx.idem_key] = number
    WORLD.calls.append(f"unbook {hotel}")
    assert WORLD.booked.pop(number) == hotel
    return "done"


class Scan(BaseModel):
    number: str
    pdf: str


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="drop_scan")
async def scan(pages: int) -> Scan:
    """Scan a paper."""
    WORLD.booked["s"] = "scan"
    return Scan(number="s", pdf="x" * pages)


@tool(effect=Effect.UNSAFE)
async def drop_scan(number: str) -> str:
    """Take a scan back, by its number alone."""
    WORLD.booked.pop(number)
    return "done"


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="unprint")
async def print_out(pages: int) -> str:
    """Print."""
    return "x" * pages


@tool(effect=Effect.UNSAFE)
async def unprint(result: str) -> str:
    """Take a print back, by all that is on it."""
    return result


class Ticket(BaseModel):
    serial: int | float


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="return_ticket")
async def buy_ticket(train: int) -> Ticket:
    """Buy a ticket, with a serial number of 40 digits."""
    WORLD.booked["t"] = f"{train}"
    return Ticket(serial=SERIAL)


@tool(effect=Effect.UNSAFE)
async def return_ticket(serial: int) -> str:
    """Give a ticket back."""
    assert serial == SERIAL
    return "done"


SERIAL = 10**39 + 1
TOOLS = [book, unbook, scan, drop_scan, print_out, unprint, buy_ticket, return_ticket]


@agent(reads=jobs, writes=results)
async def traveller(hotels: str, ctx: Context) -> str:
    numbers = [(await ctx.call(book, hotel)).number for hotel in hotels.split()]
    return " ".join(numbers)


def undoer_of(team: Team) -> Any:
    return next(one for one in team.agents if one.name == UNDOER)


def real(team: Team) -> Team:
    for one in TOOLS:
        team.allow(one)
    return team


async def test_an_undo_takes_back_the_newest_first_by_what_it_was_called_with(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "ritz savoy")
        await task.result(str)
        planned = await team.client.undo(task.task, dry_run=True)
        assert len(world.booked) == 2

        report = await (await team.undo(task)).result(UndoReport)

        assert [one.arguments for one in planned.acts] == [{"hotel": "savoy"}, {"hotel": "ritz"}]
        assert world.calls == ["book ritz", "book savoy", "unbook savoy", "unbook ritz"]
        assert (world.booked, report.left) == ({}, [])
        assert report.undone == ['book(hotel="savoy")', 'book(hotel="ritz")']
        with pytest.raises(UndoRefused, match="all of it is undone"):
            await team.client.undo(task.task)
        assert sum(isinstance(one, ActUndone) for one in await ledger(team)) == 2


@pytest.mark.parametrize(
    "moment",
    [
        "before_intent/unbook",
        "after_intent_commit/unbook",
        "after_act/unbook",
        "after_outcome/unbook",
        "after_outcome_commit/unbook:2",
    ],
)
async def test_every_act_is_undone_once_when_the_process_dies_in_between(
    team_of: TeamOf, world: World, moment: str
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "ritz savoy")
        await task.result(str)
        undoer = undoer_of(team)
        await team.kill(undoer, at=moment)
        undoing = await team.undo(task)
        await team.restart(undoer)

        assert (await undoing.result(UndoReport)).left == []
        assert world.calls == ["book ritz", "book savoy", "unbook savoy", "unbook ritz"]
        undone = [one.act for one in await ledger(team) if isinstance(one, ActUndone)]
        assert len(set(undone)) == 2


@pytest.mark.parametrize("moment", ["after_act/book", "after_outcome_commit/book"])
async def test_what_was_done_stands_on_the_ledger_when_its_process_dies(
    team_of: TeamOf, world: World, moment: str
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        await real(team).kill(traveller, at=moment)
        task = await team.submit(jobs, "ritz")
        await team.restart(traveller)
        if moment == "after_act/book":  # nobody knows whether it happened but a person
            await task.until("input_required")
            await team.resolve(task, happened=True, result={"number": "b-0"})
        await task.result(str)

        report = await (await team.undo(task)).result(UndoReport)

        assert (world.booked, len(report.undone)) == ({}, 1)


async def test_where_an_undo_fails_a_person_is_asked_with_what_is_left(
    team_of: TeamOf, world: World
) -> None:
    world.failures += [Refused(State.CONFLICT, "the hotel is closed"), ValueError("odd")]
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "ritz savoy")
        await task.result(str)
        undoing = await team.undo(task)
        await undoing.until("input_required")
        facts = await undoing.task.facts()
        assert facts is not None
        asked = (await one_request(team.bus, team.namespace, facts, None)).text
        assert "the hotel is closed" in asked
        assert '1. book(hotel="savoy"); 2. book(hotel="ritz")' in asked
        assert world.calls == ["book ritz", "book savoy"]

        await team.answer(undoing, "again")
        await undoing.until("input_required")
        await team.answer(undoing, "leave")
        first = await undoing.result(UndoReport)
        second = await (await team.undo(task)).result(UndoReport)

        assert [one.state for one in first.left] == [State.UNDO_FAILED] * 2
        assert "unbook failed with ValueError" in first.left[0].why
        assert (second.left, world.booked) == ([], {})
        assert sum(isinstance(one, UndoFailed) for one in await ledger(team)) == 2


async def test_what_a_person_has_taken_back_by_hand_is_not_undone_again(
    team_of: TeamOf, world: World
) -> None:
    world.failures += [Refused(State.CONFLICT, "the hotel is closed")]
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "ritz savoy")
        await task.result(str)
        undoing = await team.undo(task)
        await undoing.until("input_required")

        await team.answer(undoing, "by hand")

        assert (await undoing.result(UndoReport)).left == []
        assert world.calls == ["book ritz", "book savoy", "unbook ritz"]
        with pytest.raises(UndoRefused, match="all of it is undone"):
            await team.client.undo(task.task)


async def test_after_its_time_nothing_is_undone_and_the_words_say_until_when(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(traveller, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "ritz")
        await task.result(str)
        await team.advance(minutes=11)

        with pytest.raises(UndoRefused, match="it could be taken back until"):
            await team.client.undo(task.task)
        assert world.booked


@agent(reads=jobs, writes=results)
async def office(pages: str, ctx: Context) -> str:
    scanned = await ctx.call(scan, int(pages))
    printed = await ctx.call(print_out, int(pages))
    return f"{len(scanned.pdf)} {len(printed)}"


async def test_an_act_with_a_large_result_goes_on_and_what_is_too_large_to_undo_says_so(
    team_of: TeamOf, world: World
) -> None:
    pages = 1_500_000
    async with team_of(office, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, f"{pages}")

        assert await task.result(str) == f"{pages} {pages}"
        printed, scanned = (await team.client.undo(task.task, dry_run=True)).acts
        assert (scanned.result, scanned.cannot) == ({"number": "s"}, "")
        assert "what unprint takes of it is 1500004 bytes, more than 65536" in printed.cannot
        await (undoing := await team.undo(task)).until("input_required")
        await team.answer(undoing, "by hand")
        assert (await undoing.result(UndoReport)).left == []
        assert world.booked == {}


@agent(reads=jobs, writes=results)
async def commuter(train: str, ctx: Context) -> str:
    return str((await ctx.call(buy_ticket, int(train))).serial)


async def test_no_act_is_taken_back_by_a_number_that_its_record_could_not_keep(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(commuter, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "7")

        assert await task.result(str) == str(SERIAL)
        (bought,) = (await team.client.undo(task.task, dry_run=True)).acts
        assert "what return_ticket takes of it cannot be recorded as it is" in bought.cannot


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="unmark")
async def mark(number: int) -> str:
    """Mark a number."""
    WORLD.calls.append(f"mark {number}")
    return "done"


@tool(effect=Effect.UNSAFE)
async def unmark(number: int) -> str:
    """Take a mark back."""
    return f"{number}"


@agent(reads=jobs, writes=results)
async def marker(number: str, ctx: Context) -> str:
    return await ctx.call(mark, int(number))


async def test_an_act_with_an_argument_that_no_record_keeps_goes_on_and_says_that_it_stays(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(marker, tools=[mark, unmark], partitions=1) as team:
        team.allow(mark)
        task = await team.submit(jobs, f"{SERIAL}")

        assert await task.result(str) == "done"
        (marked,) = (await team.client.undo(task.task, dry_run=True)).acts
        assert "what unmark takes of it cannot be recorded as it is" in marked.cannot
    assert world.calls == [f"mark {SERIAL}"]
