"""Whose rights count behind an agent: those of the person who asked, on whatever broker."""

from collections.abc import Callable

import pytest

from handrail import Context, Effect, Integrity, Reach, Refused, Topic, agent, results, tool
from handrail.rails.cedar import CedarPolicy
from handrail.testing import Team
from handrail.testing.tools import unconfined
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]

drafts = Topic("drafts", carries=str)
questions = Topic("questions", carries=str, replies=str)

#: Eve may do everything but look, and nobody who is unnamed may do anything.
RULES = """
@id("named") permit (principal, action, resource) unless { principal == Person::"anonymous" };
@id("not-eve") @title("Not for eve") @remedy("Ask ann.")
forbid (principal == Person::"eve", action == Action::"tool.call", resource);
"""


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(name: str) -> str:
    """Look something up."""
    return f"found {name}"


async def looked(name: str, ctx: Context) -> str:
    """Look, or say by which rule one may not."""
    try:
        return await ctx.call(look, name)
    except Refused as no:
        return f"{no.state}: {no.title}"


@agent(reads=jobs, writes=drafts)
async def forwarder(text: str) -> str:
    return text


@agent(reads=drafts, writes=results)
async def writer(text: str, ctx: Context) -> str:
    return await looked(text, ctx)


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> str:
    return await ctx.ask(questions, text)


@agent(reads=questions)
async def sphinx(text: str, ctx: Context) -> str:
    return await looked(text, ctx)


@pytest.mark.parametrize("between", [(forwarder, writer), (asker, sphinx)], ids=["hop", "question"])
@pytest.mark.parametrize(
    ("person", "said"),
    [("ann", "found x"), ("eve", "denied_by_policy: Not for eve")],
)
async def test_an_agent_between_neither_lends_rights_nor_takes_them_away(
    team_of: TeamOf, between: tuple[object, object], person: str, said: str
) -> None:
    team = team_of(*between, tools=[look], partitions=1)
    team.rails = unconfined(CedarPolicy.of(RULES, {}))
    async with team:
        team.allow(look)
        team.client.asked_by = person

        assert await (await team.submit(jobs, "x")).result(str) == said
