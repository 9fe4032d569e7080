"""What the journal says of a step whose earlier attempt may have acted."""

import asyncio

import pytest

from handrail import (
    Context,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    Topic,
    agent,
    results,
    tool,
)
from handrail.lane.journal import Entry, Kind, decode_entry
from handrail.testing import Team
from handrail.testing.accounting import read_all

jobs = Topic("jobs", carries=str)
refusals: list[Refused | None] = []


@tool(effect=Idempotent(ttl_s=3_600), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book() -> str:
    """Book, unless it is refused."""
    if (refused := refusals.pop(0)) is not None:
        raise refused
    return "booked"


@agent(reads=jobs, writes=results)
async def booker(text: str, ctx: Context) -> str:
    try:
        return await ctx.call(book)
    except Refused as refused:
        return refused.state.value


@pytest.mark.parametrize("dies", [True, False])
async def test_a_refusal_says_nothing_of_an_attempt_before_that_may_have_acted(
    *, dies: bool
) -> None:
    no = Refused(State.RATE_LIMITED, retry_after_s=1)
    refusals[:] = [None, no] if dies else [no]
    async with Team(booker, tools=[book], partitions=1) as team:
        team.allow(book)
        (member,) = team.members
        if dies:
            await team.kill(booker, at="after_act/book")
        task = await team.submit(jobs, "x")
        if dies:
            await asyncio.wait_for(member.kill_point.reached_it.wait(), team.patience_s)
            await team.restart(booker)

        assert await task.result(str) == "rate_limited"
        records = await read_all(team.bus, team.full("booker.journal"))
        journal = [decode_entry(record) for record in records]

    assert _facts(journal, Kind.INTENT, "earlier") == ([None, True] if dies else [None])
    assert _facts(journal, Kind.OUTCOME, "nothing_happened") == [not dies]
    assert refusals == []


def _facts(journal: list[Entry | None], kind: Kind, name: str) -> list[object]:
    return [one.facts.get(name) for one in journal if one is not None and one.kind is kind]
