"""How the acts of a task are kept and read without holding up everything else."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import orjson
import pytest

from handrail import Context, Effect, Integrity, agent, results, tool
from handrail.ledger.event import Accepted
from handrail.ledger.undo_event import ActDone
from handrail.runtime.acts_of_task import read_acts
from handrail.runtime.acts_packed import SLICE_BYTES, ActsRead, pack, unpack
from handrail.runtime.undo import UndoReport
from handrail.testing import Team
from tests.promises.step_tools import jobs
from tests.unit.runtime.test_acts_of_task import LANE, NAMED, SAID, Ledger, as_bus

T = TypeVar("T")
LARGE = "x" * 50_000
AT_ONCE_MAX = SLICE_BYTES // len(LARGE) + 1  #: acts that are read in one turn
TURNS_MIN = 100 // AT_ONCE_MAX  #: in which a hundred of them are read


class Others:
    """Everything else that wants its turn of the event loop."""

    def __init__(self) -> None:
        self.turns = 0
        self.undone_in: Counter[int] = Counter()

    async def count(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def have_their_turns(self, work: Awaitable[T]) -> T:
        counting = asyncio.create_task(self.count())
        try:
            return await work
        finally:
            counting.cancel()
            with suppress(asyncio.CancelledError):
                await counting


OTHERS = Others()


@pytest.fixture
def others() -> Others:
    OTHERS.__init__()  # type: ignore[misc]  # the tool below knows it by its name
    return OTHERS


async def read(count: int) -> ActsRead:
    acts = [
        ActDone(**SAID, act=f"i/0/{number}", arguments="{}", result=f'"{LARGE}"', **NAMED)  # type: ignore[arg-type]
        for number in range(count)
    ]
    ledger = Ledger(Accepted(**SAID, **LANE, ce_id="c"), *acts)
    return await read_acts(as_bus(ledger), "n", "t")


async def test_what_a_task_has_done_is_read_and_packed_in_many_turns(others: Others) -> None:
    found = await others.have_their_turns(read(100))
    assert others.turns >= TURNS_MIN

    others.turns = 0
    packed = await others.have_their_turns(pack(found))
    assert others.turns >= TURNS_MIN

    others.turns = 0
    left = await others.have_their_turns(found.left())
    assert others.turns >= TURNS_MIN
    assert [one.unpacked() for one in unpack(packed).left] == left
    assert [one.act for one in left] == [f"i/0/{number}" for number in reversed(range(100))]


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_what_was_packed_is_unpacked_and_so_is_what_a_version_before_has_recorded(
    count: int,
) -> None:
    few = await read(count)
    left = await few.left()
    before = {"known": few.known, "ended": few.ended, "read_to": few.read_to}
    before["left"] = [one.model_dump() for one in left]

    for packed in (await pack(few), orjson.dumps(before)):
        found = unpack(packed)
        about = found.about
        assert (about.known, about.ended, about.read_to) == (few.known, few.ended, few.read_to)
        assert [one.unpacked() for one in found.left] == left
        assert [one.text for one in found.left] == [one.text for one in left]


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="unprint")
async def print_out(page: int) -> str:
    """Print."""
    return f"{LARGE} {page}"


@tool(effect=Effect.READ, gives=Integrity.INTERNAL)
async def unprint(result: str) -> str:
    """Take a print back, by all that is on it."""
    OTHERS.undone_in[OTHERS.turns] += 1
    return str(len(result))


@agent(reads=jobs, writes=results)
async def printer(pages: str, ctx: Context) -> str:
    for page in range(int(pages)):
        await ctx.call(print_out, page)
    return "printed"


async def test_an_undo_of_much_holds_up_nothing_else(others: Others) -> None:
    async with Team(printer, tools=[print_out, unprint], partitions=1) as team:
        team.allow(print_out)
        team.allow(unprint)
        task = await team.submit(jobs, "20")
        await task.result(str)
        undoing = await team.undo(task)
        report = await others.have_their_turns(undoing.result(UndoReport))

        assert len(report.undone) == 20
        assert others.undone_in.total() == 20
        assert max(others.undone_in.values()) <= AT_ONCE_MAX
