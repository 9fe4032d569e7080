"""In which order an act is judged, from its contract to its sandbox, on whatever broker is used."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Annotated

from pydantic import Field

from handrail import (
    Approval,
    Context,
    Cost,
    Effect,
    Level,
    Limit,
    Reach,
    Refused,
    agent,
    results,
    tool,
)
from handrail.contract.tool import Tool
from handrail.ledger.event import PersonAsked
from handrail.rails.cedar import CedarPolicy
from handrail.rails.gateway import Rails
from handrail.rails.limits import CallLimits
from handrail.testing import Team, TeamTask
from handrail.testing.tools import unconfined
from tests.promises.step_tools import WORLD, Acts, jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

#: What each of them says where it refuses. A rate asks nobody, so it comes before the budget.
SAYS = {
    "contract": "invalid_input",
    "labels": "tainted_input",
    "policy": "denied_by_policy",
    "rate": "rate_limited",
    "budget": "budget_exhausted",
    "approval": "approval_rejected",
    "sandbox": "sandbox_unavailable",
}
PAIRS = list(combinations(SAYS, 2))
WITH_BUDGET = [pair for pair in PAIRS if "budget" in pair]

RULES = """
@id("all") permit (principal, action, resource);
@id("none-of-it") @title("Not this one") @remedy("Ask for another.")
forbid (principal, action == Action::"tool.call", resource)
when { context.arguments has forbidden && context.arguments.forbidden };
"""
HOURLY = Limit(rate="1/h")


@tool(effect=Effect.READ)
async def page(name: str) -> str:
    """Read what somebody outside has written."""
    return f"words of {name}"


def hire(name: str, *, limit: Limit | None, sandbox: Level) -> Tool[..., str]:
    """Make a tool that is refused for its limit, or for where it would run, or for neither."""

    @tool(
        effect=Effect.UNSAFE,
        name=name,
        reach=Reach.EXTERNAL,
        cost=Cost(1),
        approval=Approval(when="amount > 10"),
        limit=limit,
        sandbox=sandbox,
    )
    async def hired(
        count: Annotated[int, Field(ge=1)], amount: int, text: str, forbidden: bool
    ) -> str:
        """Hire somebody, for money."""
        WORLD.done.append(f"{name} {count} {amount} {text} {forbidden}")
        return text

    return hired


TOOLS = {
    (limit is not None, sandbox is not Level.NONE): hire(
        f"hire_{number}", limit=limit, sandbox=sandbox
    )
    for number, (limit, sandbox) in enumerate(
        [(None, Level.NONE), (HOURLY, Level.NONE), (None, Level.STRICT), (HOURLY, Level.STRICT)]
    )
}


@agent(reads=jobs, writes=results)
async def hirer(faults: str, ctx: Context) -> str:
    """Hire somebody, with everything wrong that the text names."""
    text = "plain"
    if "labels" in faults:
        ctx.plan(refuses=True)
        text = await ctx.call(page, "a stranger")
    try:
        told = await ctx.call(
            TOOLS["rate" in faults, "sandbox" in faults],
            count=0 if "contract" in faults else 1,
            amount=50 if "approval" in faults else 5,
            text=text,
            forbidden="policy" in faults,
        )
    except Refused as no:
        told = no.state.value
    return f"{told} {await ctx.ask_person('Go on?', returns=str)}"


def judging(team_of: TeamOf) -> Team:
    """Give a team in which each stage refuses what is wrong for it."""
    team = team_of(hirer, tools=[page, *TOOLS.values()], partitions=1)
    limits = CallLimits()
    for one in TOOLS.values():
        with limits.running(one.name, "default", one.terms.limit, team.clock.now_ms()):
            """The one call of this hour."""
    # No machine confines a tool here.
    team.rails = Rails(policy=CedarPolicy.of(RULES, {}), limits=limits)
    return team


async def asked(team: Team, task: TeamTask) -> list[str]:
    """Give the steps for which a person was asked, in their order."""
    events = [one for one in await ledger(team) if isinstance(one, PersonAsked)]
    return [one.request.split("/")[-2] for one in events if one.task_id == task.id]


async def waits(team: Team, task: TeamTask, what: str) -> None:
    async def is_asked() -> bool:
        return what in (await task.task.explanation())

    await until(is_asked, within_s=60, what=f"{task} asks: {what}")


async def refused_in_order(team_of: TeamOf, pairs: Sequence[tuple[str, str]]) -> None:
    """Have each pair judged; then again by a process under whose rules all would go on."""
    team = judging(team_of)
    async with team:
        for one in (page, *TOOLS.values()):
            team.allow(one)
        tasks: dict[tuple[str, str], TeamTask] = {}
        for pair in pairs:
            team.client.budget = "0.5" if "budget" in pair else "5"
            tasks[pair] = await team.submit(jobs, " ".join(pair))
        for (earlier, _), task in tasks.items():
            if earlier == "budget":
                await waits(team, task, "of the budget of this task")
                await team.answer(task, 0)
            if earlier == "approval":
                await task.until("auth_required")
                await team.deny(task)
        for task in tasks.values():
            await waits(team, task, "Go on?")
        people = {pair: (await asked(team, task))[:-1] for pair, task in tasks.items()}

        await team.kill(hirer)
        team.rails = unconfined()
        await team.restart(hirer)
        told: dict[tuple[str, str], str] = {}
        for pair, task in tasks.items():
            await team.answer(task, "still")
            told[pair] = await task.result(str)

        assert told == {pair: f"{SAYS[pair[0]]} still" for pair in pairs}
        # Whoever refuses before a person would be asked has asked nobody.
        beside = {"budget": ["b0"], "approval": ["a0"]}
        assert {pair: [path[-2:] for path in paths] for pair, paths in people.items()} == {
            pair: beside.get(pair[0], []) for pair in pairs
        }
        assert WORLD.done == []


async def test_what_was_asked_before_is_waited_for_whatever_would_refuse_it_now(
    team_of: TeamOf, acts: Acts
) -> None:
    team = judging(team_of)
    team.rails = unconfined()
    async with team:
        for one in (page, *TOOLS.values()):
            team.allow(one)
        team.client.budget = "0.5"
        task = await team.submit(jobs, "policy")
        await waits(team, task, "of the budget of this task")
        await team.kill(hirer)
        team.rails = replace(unconfined(), policy=CedarPolicy.of(RULES, {}))
        await team.restart(hirer)
        await team.answer(task, 1)
        await waits(team, task, "Go on?")
        await team.answer(task, "then")

        assert await task.result(str) == "denied_by_policy then"
        assert await task.dead_letters() == []
        assert acts.done == []
