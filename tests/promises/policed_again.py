"""What is promised to a run that comes again under other rules, on whatever broker is used."""

from collections.abc import Callable

import pytest

from handrail import Context, Refused, agent, results
from handrail.ledger.memory_event import MemoryRefused
from handrail.rails.cedar import CedarPolicy
from handrail.testing import Team, TeamTask
from handrail.testing.tools import unconfined
from tests.promises.policed import ALL, WHO, forbidding, notes, questions, refund, ruled, sphinx
from tests.promises.step_tools import Acts, jobs, ledger

TeamOf = Callable[..., Team]

USES = [
    ("read", "memory.read", ""),
    ("write", "memory.write", ""),
    ("update", "memory.write", ""),
    ("collect", "memory.write", ""),
    ("ask", "handoff.send", 'when { resource == Topic::"questions" }'),
]


@agent(reads=jobs, writes=results)
async def explorer(text: str, ctx: Context) -> str:
    what, told = text.partition(" ")[0], "allowed"
    try:
        match what:
            case "read":
                await ctx.memory(notes).get("a")
            case "write":
                await ctx.memory(notes).put("a", "words")
            case "update":
                await ctx.memory(notes).update("a", lambda old: f"{old} words")
            case "collect":
                ctx.memory(notes).append("b", "words")
            case _:
                await ctx.ask(questions, "why?")
    except Refused as no:
        if "or die" in text:
            raise
        told = no.title
    try:
        given = await ctx.call(refund, 5)
    except Refused as no:
        given = no.state.value
    return f"{told}, then {given}"


async def waits_again(team: Team, task: TeamTask, policy: CedarPolicy) -> None:
    """Have the process of a run that waits for an approval die, and run again under other rules."""
    await task.until("auth_required")
    await team.kill(explorer, at="before_intent/refund")
    await team.approve(task, by="fay")
    team.rails = unconfined(policy)
    await team.restart(explorer)


@pytest.mark.parametrize(("text", "action", "when"), USES)
async def test_what_was_denied_stays_denied_in_a_run_that_comes_again_under_other_rules(
    team_of: TeamOf, acts: Acts, text: str, action: str, when: str
) -> None:
    team = ruled(
        team_of(explorer, sphinx, tools=[refund], memory=[notes], partitions=1),
        forbidding(action, when),
    )
    async with team:
        team.allow(refund)
        team.client.asked_by = "eve"
        task = await team.submit(jobs, text)
        await waits_again(team, task, CedarPolicy.of(ALL, WHO))

        assert await task.result(str) == "Not for eve, then approval_expired"
        letters = [one for one in await ledger(team) if isinstance(one, MemoryRefused)]
        assert len(letters) == (1 if action == "memory.write" else 0)
        assert await team.memory(notes).get("a") is None


@pytest.mark.parametrize(("text", "action", "when"), USES)
async def test_what_was_allowed_stays_allowed_in_a_run_that_comes_again_under_other_rules(
    team_of: TeamOf, acts: Acts, text: str, action: str, when: str
) -> None:
    team = ruled(
        team_of(explorer, sphinx, tools=[refund], memory=[notes], partitions=1),
        CedarPolicy.of(ALL, WHO),
    )
    async with team:
        team.allow(refund)
        team.client.asked_by = "eve"
        task = await team.submit(jobs, text)
        await waits_again(team, task, forbidding(action, when))

        assert await task.result(str) == "allowed, then approval_expired"


@pytest.mark.parametrize(
    ("text", "step", "action", "when"),
    [
        ("write", "memory.put", "memory.write", ""),
        ("ask", "ctx.ask", "handoff.send", 'when { resource == Topic::"questions" }'),
    ],
)
async def test_what_was_begun_is_waited_for_in_a_run_that_comes_again_under_other_rules(
    team_of: TeamOf, acts: Acts, text: str, step: str, action: str, when: str
) -> None:
    team = ruled(
        team_of(explorer, sphinx, tools=[refund], memory=[notes], partitions=1),
        CedarPolicy.of(ALL, WHO),
    )
    async with team:
        team.allow(refund)
        team.client.asked_by = "eve"
        await team.stop(sphinx)  # so that the question is open when its asker comes again
        await team.kill(explorer, at=f"after_intent_commit/{step}")
        task = await team.submit(jobs, text)
        team.rails = unconfined(forbidding(action, when))
        await team.restart(explorer)
        await team.settle()
        await team.restart(sphinx)
        await team.advance(seconds=2)
        await task.until("auth_required")
        await team.approve(task, by="fay")

        assert await task.result(str) == "allowed, then refunded 5"


@pytest.mark.parametrize(("text", "action", "when"), USES)
async def test_what_was_denied_and_killed_the_run_is_judged_anew_when_it_is_sent_back(
    team_of: TeamOf, acts: Acts, text: str, action: str, when: str
) -> None:
    team = ruled(
        team_of(explorer, sphinx, tools=[refund], memory=[notes], partitions=1),
        forbidding(action, when),
    )
    async with team:
        team.allow(refund)
        team.client.asked_by = "eve"
        task = await team.submit(jobs, f"{text} or die")
        await task.until("failed")
        team.rails = unconfined(CedarPolicy.of(ALL, WHO))
        await team.stop(explorer)
        await team.restart(explorer)

        await team.redrive(task, by="ann")
        await task.until("auth_required")
        await team.approve(task, by="fay")

        assert await task.result(str) == "allowed, then refunded 5"
