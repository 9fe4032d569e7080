"""What `memory list` says of a team that runs: what wants a look, and what is marked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import NEW, Context, Memory, MemoryClass, agent, results
from handrail.cli.memory_list import Wish, show_records, show_spaces
from handrail.cli.memory_place import Whose
from handrail.cli.output import Shape
from handrail.contract.memory import DAY_S
from handrail.ledger.event import Accepted
from handrail.memory.sealing import opened
from handrail.runtime.memory_acts import MemoryActs, OnMemory, Person
from handrail.runtime.memory_commands import CommandSender
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.store.subject_keys import LocalKeys
from handrail.testing import Team
from handrail.testing.memory import TENANT
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]
LOOK_MS = round(180 * DAY_S * 1000)

tastes = Memory("tastes", carries=str, keeps=MemoryClass.PREFERENCE)
rulings = Memory("rulings", carries=str, keeps=MemoryClass.DECISION)
SPACES: dict[str, Memory[Any]] = {one.name: one for one in (tastes, rulings)}


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    """Write what is asked for as SPACE/KEY."""
    space, _, key = text.partition("/")
    await ctx.memory(SPACES[space]).put(key, f"the clerk has written {key}", expect=NEW)
    return text


async def written(team: Team, *places: str) -> str:
    """Have records written; give the message that the last one was written for."""
    task = None
    for place in places:
        task = await team.submit(jobs, place)
        await task.until("completed")
    told = [one for one in await ledger(team) if isinstance(one, Accepted)]
    return next(one.ce_id for one in told if task is not None and one.task_id == task.id)


@asynccontextmanager
async def memory_of(team: Team, folder: Path) -> AsyncIterator[OnMemory]:
    """Stand beside a team as a command does, at the team's time."""
    keys = LocalKeys(folder / "keys" / "subjects.sqlite")
    settings = ViewSettings(
        team.namespace, [*SPACES], folder / "views", lambda one: opened(one, keys), team.clock
    )
    view = MemoryView(team.bus, settings)
    try:
        await view.start()
        sender = CommandSender(team.bus, team.namespace, TENANT)
        yield OnMemory(team.bus, sender, SPACES, keys, view, team.clock.now_ms())
    finally:
        await view.close()
        await asyncio.to_thread(keys.close)


async def test_what_is_due_and_what_a_retraction_has_marked_is_listed_beside_a_team_that_runs(
    team_of: TeamOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def items() -> list[Any]:
        return list(json.loads(capsys.readouterr().out)["items"])

    async def listed(memory: OnMemory, space: Memory[Any], **states: bool) -> list[Any]:
        chosen = {"due": False, "quarantined": False, "flagged": False, **states}
        capsys.readouterr()
        wish = Wish(prefix="", limit=10, **chosen)
        await show_records(memory, space, wish, Whose(TENANT), Shape.JSON)
        return [(one["key"], one["state"], one["due"], one["flagged"]) for one in items()]

    async with team_of(clerk, memory=SPACES.values()) as team:
        await written(team, "tastes/old", "rulings/sound")
        doubted = await written(team, "rulings/doubted")
        began_ms = team.clock.now_ms()
        await team.advance(seconds=10)
        await written(team, "tastes/new")
        async with memory_of(team, tmp_path) as memory:
            acts = MemoryActs(memory, Person("eve", "a test"))
            plan = await acts.retracting({doubted})
            assert [one.sentence for one in await acts.carry_out(plan.changes)] == [None]

            # The 180 days until a look are over for what was written ten seconds earlier.
            later = replace(memory, now_ms=began_ms + LOOK_MS + 1)
            (old,) = await listed(later, tastes, due=True)
            (marked,) = await listed(later, rulings, flagged=True)
            both = await listed(later, tastes)
            none = await listed(memory, tastes, due=True)
            none += await listed(later, tastes, flagged=True)
            none += await listed(later, rulings, due=True)
            await show_spaces(later, TENANT, Shape.JSON)
            counts = {one["space"]: (one["records"], one["due"], one["flagged"]) for one in items()}

    assert (old[0], old[1].startswith("review due since 2"), old[2:]) == ("old", True, (True, None))
    assert (marked[0], marked[1].startswith("flagged: "), marked[2]) == ("doubted", True, False)
    assert [one[0] for one in both] == ["new", "old"]
    assert none == []
    assert counts == {"tastes": (2, 1, 0), "rulings": (2, 0, 1)}
