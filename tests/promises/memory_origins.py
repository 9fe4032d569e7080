"""What a version says of where it comes from, and what of it never leaves a worker."""

from collections.abc import Sequence

import pytest

from handrail import (
    NEW,
    Context,
    Effect,
    Integrity,
    Memory,
    MemoryClass,
    Reach,
    Refused,
    State,
    agent,
    results,
    tool,
)
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.model import says
from handrail.wire.memory import COMMANDS
from tests.promises.memory import Fact, TeamOf, counts, facts
from tests.promises.step_tools import jobs

lists = Memory("lists", carries=list[str], keeps=MemoryClass.FACT)
maps = Memory("maps", carries=dict[str, str], keeps=MemoryClass.FACT)
SPACES = (facts, counts, lists, maps)


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up."""
    return text


async def origins(team: Team, space: Memory, key: str) -> tuple[str, str, Sequence[str]]:
    found = await team.memory(space).get(key)
    assert found is not None
    return found.provenance.tool_call, found.provenance.model, found.derived_from


@pytest.mark.parametrize("moment", ["before_intent/memory.put", "after_intent_commit/memory.put"])
async def test_a_version_names_the_tool_and_the_model_that_its_writer_had_asked_last(
    team_of: TeamOf, moment: str
) -> None:
    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        await ctx.memory(counts).update("before", lambda old: (old or 0) + 1)
        await ctx.call(look, text)
        await ctx.memory(facts).put("between", Fact(paid=True))
        said = await ctx.model(text, returns=str)
        await ctx.call(look, said)
        ctx.memory(lists).append("after", said)
        return said

    async with team_of(clerk, tools=[look], memory=SPACES) as team:
        team.allow(look)
        team.model.script(says("the dog is brown"))
        await team.kill(clerk, at=moment)
        task = await team.submit(jobs, "order/1")
        await team.restart(clerk)

        assert await task.result(str) == "the dog is brown"
        assert await origins(team, counts, "before") == ("", "", ())
        assert await origins(team, facts, "between") == ("2 look", "", ())
        assert await origins(team, lists, "after") == ("5 look", "scripted", ())


async def test_every_write_can_say_what_it_was_made_from(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        made = [text]
        old = await ctx.memory(facts).get("f")
        expect = old.version if old else NEW
        await ctx.memory(facts).put("f", Fact(paid=True), expect=expect, derived_from=made)
        await ctx.memory(counts).update("u", lambda _: 1, derived_from=made)
        ctx.memory(counts).increment("n", derived_from=made)
        ctx.memory(lists).append("l", "a", derived_from=made)
        ctx.memory(lists).add("s", "b", derived_from=made)
        ctx.memory(maps).merge("m", {"c": "d"}, derived_from=made)
        return text

    async with team_of(clerk, memory=SPACES) as team:
        for source in ("m-1", "m-2"):
            assert await (await team.submit(jobs, source)).result(str) == source

        # What is added to keeps what the rest comes from; what is written whole says it anew.
        for space, key in ((counts, "n"), (lists, "l"), (maps, "m")):
            assert (await origins(team, space, key))[2] == ("m-1", "m-2"), key
        for space, key in ((facts, "f"), (counts, "u"), (lists, "s")):
            assert (await origins(team, space, key))[2][-1] == "m-2", key


async def test_a_secret_that_is_to_be_added_does_not_leave_its_worker(team_of: TeamOf) -> None:
    states: list[State] = []

    @agent(reads=jobs, writes=results)
    async def clerk(text: str, ctx: Context) -> str:
        try:
            ctx.memory(lists).append("l", f"the key is AKIA{text}")
        except Refused as refused:
            states.append(refused.state)
        return "done"

    async with team_of(clerk, memory=SPACES) as team:
        task = await team.submit(jobs, "ABCDEFGHIJKLMNOP")

        assert await task.result(str) == "done"
        assert states == [State.DENIED_BY_POLICY]
        assert not await read_all(team.bus, team.full(COMMANDS))
