"""What people may rely on when they retract a message: what came of it is found, across agents."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from handrail import (
    NEW,
    Context,
    Effect,
    Integrity,
    Memory,
    MemoryClass,
    Reach,
    Recall,
    Topic,
    agent,
    results,
    tool,
)
from handrail.ledger.event import Accepted, WroteKind
from handrail.ledger.projection import Projection
from handrail.memory.sealing import opened
from handrail.runtime.clock import WallClock
from handrail.runtime.follow import catch_up
from handrail.runtime.memory_acts import MemoryActs, OnMemory, Person
from handrail.runtime.memory_commands import CommandSender
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.runtime.retraction import Retraction, plan_retraction
from handrail.store.subject_keys import LocalKeys
from handrail.testing import Team
from handrail.testing.memory import TENANT
from handrail.wire.memory import key_in_words
from tests.promises.step_tools import ledger

TeamOf = Callable[..., Team]

facts = Memory("facts", carries=str, keeps=MemoryClass.FACT)
guests = Memory("guests", carries=list[str], keeps=MemoryClass.FACT)
rulings = Memory("rulings", carries=str, keeps=MemoryClass.DECISION)
SPACES: dict[str, Memory[Any]] = {one.name: one for one in (facts, guests, rulings)}
names, told, sums, cries, tales, visits, doors = (
    Topic(one, carries=str)
    for one in ("names", "told", "sums", "cries", "tales", "visits", "doors")
)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def stamp(name: str) -> str:
    """Stamp a letter, which nobody can take back."""
    return name


@agent(reads=names, writes=told)
async def greeter(name: str, ctx: Context) -> str:
    """Write nothing to memory, and hand on."""
    return await ctx.call(stamp, name)


@agent(reads=told, writes=results)
async def writer(name: str, ctx: Context) -> str:
    for number in range(4):
        await ctx.memory(facts).put(f"{name}/{number}", f"{name} came {number}", expect=NEW)
    return name


@agent(reads=sums, writes=cries)
async def adder(name: str, ctx: Context) -> str:
    """Make one record from what another task wrote and one from nothing; hand on."""
    found = await ctx.memory(facts).get(f"{name}/0")
    assert found is not None
    await ctx.memory(facts).put("sum", f"sum of {name}", expect=NEW, derived_from=[found.reference])
    await ctx.memory(facts).put("own", "nothing of anybody", expect=NEW)
    return await ctx.call(stamp, "sum")


@agent(reads=cries, writes=results)
async def crier(name: str, ctx: Context) -> str:
    await ctx.memory(facts).put(f"cry/{name}", f"hear {name}", expect=NEW)
    return name


@agent(reads=tales, writes=cries)
async def teller(text: str, ctx: Context) -> str:
    """Be given what is remembered, if there is room; write what names no source, act, hand on."""
    name, _, budget = text.partition("/")
    known = await ctx.recall(Recall(facts, keys=[f"{name}/0"]), budget_tokens=int(budget))
    assert known.records or known.dropped
    await ctx.memory(facts).put(f"own/{text}", "nothing of anybody", expect=NEW)
    return await ctx.call(stamp, text)


@agent(reads=visits, writes=cries)
async def porter(name: str, ctx: Context) -> str:
    """Add a name to a list that it does not read; hand on."""
    ctx.memory(guests).append("today", name)
    return name


@agent(reads=doors, writes=results)
async def judge(text: str, ctx: Context) -> str:
    """Rule once, and say from then on what it is told of its ruling."""
    found = await ctx.memory(rulings).get(text)
    if found is None:
        await ctx.memory(rulings).put(text, f"{text} may come in", expect=NEW)
        return ""
    all_ = await ctx.memory(rulings).history(text)
    return ", ".join(f"{one.version}: {one.flagged}" for one in (found, *all_))


TEAM: list[Any] = [greeter, writer, adder, crier]


class Retracting:
    """What `handrail memory retract` does."""

    def __init__(self, projection: Projection, acts: MemoryActs) -> None:
        self.projection, self.acts = projection, acts

    async def __call__(self, message: str, tenant: str = TENANT) -> Retraction:
        """Plan."""
        return await plan_retraction(self.projection, self.acts, message, tenant)


@asynccontextmanager
async def looking(team: Team, folder: Path, *names: str) -> AsyncIterator[Retracting]:
    """Stand where `handrail memory retract` stands; spaces are facts alone, if no others."""
    spaces = {name: SPACES[name] for name in names or ("facts",)}
    keys = LocalKeys(folder / "keys" / "subjects.sqlite")
    settings = ViewSettings(
        team.namespace, list(spaces), folder / "views", lambda one: opened(one, keys)
    )
    view, projection = MemoryView(team.bus, settings), Projection(folder / "p.sqlite")
    try:
        await view.start()
        await catch_up(team.bus, team.namespace, projection)
        sender = CommandSender(team.bus, team.namespace, TENANT)
        memory = OnMemory(team.bus, sender, spaces, keys, view, WallClock().now_ms())
        yield Retracting(projection, MemoryActs(memory, Person("eve", "a test")))
    finally:
        await view.close()
        projection.close()
        await asyncio.to_thread(keys.close)


def keys_of(found: Retraction) -> list[str]:
    return [key_in_words(one.key) for one in found.plan.changes]


async def submission(team: Team, task: str) -> str:
    """Give the id of the message with which a task began."""
    (accepted,) = [
        one for one in await ledger(team) if isinstance(one, Accepted) and one.task_id == task
    ]
    return accepted.ce_id


async def test_what_came_of_a_message_is_found_though_its_own_handler_only_handed_on(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(*TEAM, memory=[facts]) as team:
        team.allow(stamp)
        first = await team.submit(names, "ada")
        await first.until("completed")
        other = await team.submit(names, "bob")
        await other.until("completed")
        async with looking(team, tmp_path) as plan:
            found = await plan(await submission(team, first.id))

        assert found.known
        assert keys_of(found) == ["ada/0", "ada/1", "ada/2", "ada/3"]
        assert [(one.agent, one.text, one.task) for one in found.acts] == [
            ("greeter", "stamp", first.id)
        ]
        assert [one.kind for one in found.left] == [WroteKind.RESULT]


async def test_what_another_task_made_of_it_and_handed_on_is_found_and_nothing_else(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(*TEAM, memory=[facts]) as team:
        team.allow(stamp)
        first = await team.submit(names, "ada")
        await first.until("completed")
        second = await team.submit(sums, "ada")
        await second.until("completed")
        async with looking(team, tmp_path) as plan:
            found = await plan(await submission(team, first.id))

        assert keys_of(found) == ["ada/0", "ada/1", "ada/2", "ada/3", "cry/sum", "sum"]
        assert {(one.agent, one.task) for one in found.acts} == {
            ("greeter", first.id),
            ("adder", second.id),
        }
        assert len(found.left) == 2


async def test_what_was_handed_on_by_whoever_was_given_a_record_of_it_is_found_without_a_source(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(greeter, writer, teller, crier, memory=[facts]) as team:
        team.allow(stamp)
        first, other = await team.submit(names, "ada"), await team.submit(names, "bob")
        for task in (first, other):
            await task.until("completed")
        told_of = {one: await team.submit(tales, one) for one in ("ada/100", "ada/0", "bob/100")}
        for task in told_of.values():
            await task.until("completed")
        async with looking(team, tmp_path) as plan:
            found = await plan(await submission(team, first.id))

        assert keys_of(found) == ["ada/0", "ada/1", "ada/2", "ada/3", "cry/ada/100"]
        assert {(one.agent, one.task) for one in found.acts} == {
            ("greeter", first.id),
            ("teller", told_of["ada/100"].id),
        }
        assert len(found.left) == 2


async def test_a_message_that_nobody_has_heard_of_is_no_message_without_consequences(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(*TEAM, memory=[facts]) as team:
        team.allow(stamp)
        task = await team.submit(names, "ada")
        await task.until("completed")
        message = await submission(team, task.id)
        async with looking(team, tmp_path) as plan:
            unheard = await plan("11111111-1111-5111-8111-111111111111")
            of_others = await plan(message, "another")

        assert not unheard.known
        assert (of_others.acts, of_others.left) == ((), ())


async def test_what_was_added_to_goes_with_it_and_what_those_who_only_added_handed_on_does_not(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(porter, crier, memory=[facts, guests]) as team:
        tasks = [await team.submit(visits, name) for name in ("ada", "mallory", "bob")]
        for task in tasks:
            await task.until("completed")
        async with looking(team, tmp_path, "facts", "guests") as plan:
            found = await plan(await submission(team, tasks[1].id))
            done = await plan.acts.carry_out(found.plan.changes)
            again = await plan(await submission(team, tasks[1].id))

        assert [one.sentence for one in done] == [None, None]
        today = await team.memory(guests).get("today")
        assert today is None or "mallory" not in today.value
        cried = [await team.memory(facts).get(f"cry/{one}") for one in ("ada", "mallory", "bob")]
        assert [one is None for one in cried] == [False, True, False]
        assert (again.plan.changes, again.plan.left) == ((), ())


async def test_a_handler_is_told_of_a_record_that_a_retraction_has_marked(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(judge, memory=[rulings]) as team:
        first = await team.submit(doors, "mallory")
        await first.until("completed")
        async with looking(team, tmp_path, "rulings") as plan:
            found = await plan(await submission(team, first.id))
            await plan.acts.carry_out(found.plan.changes)
        second = await team.submit(doors, "mallory")

        assert await second.result(str) == "2: a test, 1: None, 2: a test"
