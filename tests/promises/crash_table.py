"""What a successor does after a crash at each moment that has a name, on the broker of `team_of`.

A process that is killed within a transaction leaves it open, for its successor to end.
"""

from collections.abc import Callable

import pytest
from pydantic import BaseModel

from handrail import Context, Effect, Integrity, Reach, Topic, agent, results, tool
from handrail.ledger.event import Finished, StepWasted
from handrail.testing import Team
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]

DONE: list[str] = []


class Query(BaseModel):
    text: str


queries = Topic("queries", carries=Query, replies=str)


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up."""
    DONE.append("look")
    return text


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def think(text: str) -> str:
    """Have something thought about, for money."""
    DONE.append("think")
    return text


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    DONE.append("pay")
    return text


TOOLS = [look, think, pay]


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    await ctx.call(look, text)
    if text == "ask":
        return await ctx.ask(queries, Query(text=text))
    await ctx.call(think, text)
    answer = await ctx.ask(queries, Query(text=text))
    await ctx.call(pay, answer)
    return answer


@agent(reads=queries)
async def helper(query: Query) -> str:
    DONE.append("help")
    return query.text.upper()


ASKS_ONLY = {"think": 0, "pay": 0}  #: whose end alone is in its last transaction
#: After a crash there: how often each act was done, where not once; what waits for a person.
ROWS = {
    "after_poll": {},
    "before_intent": {},
    "after_intent_produced/think": {},
    "after_intent_commit/think": {},
    "after_act/think": {"think": 2},
    "after_outcome_produced/think": {"think": 2},
    "after_outcome_commit/think": {},
    "after_intent_produced/pay": {},
    "after_intent_commit/pay": {"pay": 0},
    "after_act/pay": {"pay": 1},
    "after_outcome_produced/pay": {"pay": 1},
    "after_outcome_commit/pay": {},
    "after_answer": {},
    "before_final": ASKS_ONLY,
    "after_final_produced": ASKS_ONLY,
    "after_final_commit": ASKS_ONLY,
}
#: Where money may have been spent for nothing, and the books say so.
BOOKED = {"after_intent_commit/think", "after_act/think", "after_outcome_produced/think"}
IN_DOUBT = {"after_intent_commit/pay", "after_act/pay", "after_outcome_produced/pay"}


async def played(team: Team, moment: str) -> None:
    """Carry one job out whose process dies at a moment, and judge what was done."""
    DONE.clear()
    for one in TOOLS:
        team.allow(one)
    await team.kill(clerk, at=moment)
    text = "ask" if ROWS[moment] is ASKS_ONLY else "x"
    task = await team.submit(jobs, text)
    await team.restart(clerk)
    if moment in IN_DOUBT:
        await task.until("input_required")
        await team.resolve(task, happened=True, result="X")

    assert await task.result(str) == text.upper()
    counts = {what: DONE.count(what) for what in ("think", "help", "pay")}
    assert counts == {"think": 1, "help": 1, "pay": 1} | ROWS[moment]


@pytest.mark.parametrize("moment", ROWS)
async def test_after_a_crash_there_the_successor_does_what_its_row_says(
    moment: str, team_of: TeamOf
) -> None:
    async with team_of(clerk, helper, tools=TOOLS, partitions=1) as team:
        await played(team, moment)

        told = await ledger(team)
        finished = [one for one in told if isinstance(one, Finished) and one.agent == "clerk"]
        assert len(finished) == 1
        wasted = [one for one in told if isinstance(one, StepWasted)]
        assert len(wasted) == (moment in BOOKED)


OPENINGS = ["after_fence", "after_epoch_commit", "after_answers_read"]


@pytest.mark.parametrize("moment", OPENINGS)
async def test_an_opening_that_is_cut_off_is_begun_anew_by_the_next_owner(
    moment: str, team_of: TeamOf
) -> None:
    DONE.clear()
    async with team_of(clerk, helper, tools=TOOLS, partitions=1) as team:
        for one in TOOLS:
            team.allow(one)
        await team.kill(clerk, at="after_act/pay")
        task = await team.submit(jobs, "x")
        await team.restart(clerk, dies_at=moment)
        await team.restart(clerk)
        await task.until("input_required")
        await team.resolve(task, happened=True, result="X")

        assert await task.result(str) == "X"
        assert DONE == ["look", "think", "help", "pay"]


async def test_what_was_finished_behind_one_that_is_not_is_passed_over(
    team_of: TeamOf,
) -> None:
    DONE.clear()
    async with team_of(clerk, helper, tools=TOOLS, partitions=1) as team:
        for one in TOOLS:
            team.allow(one)
        await team.kill(clerk, at="after_act/pay")
        first = await team.submit(jobs, "x")
        await team.restart(clerk)
        await first.until("input_required")
        second = await team.submit(jobs, "y")
        assert await second.result(str) == "Y"
        await team.kill(clerk)
        await team.restart(clerk)
        await team.resolve(first, happened=True, result="X")

        assert [await first.result(str), await second.result(str)] == ["X", "Y"]
        assert DONE.count("pay") == 2
