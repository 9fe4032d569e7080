"""What is promised to a run that comes again under other rules, on whatever broker is used."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from handrail import Context, Memory, MemoryClass, Refused, agent, results
from handrail.contract.failure import State
from handrail.lane.journal import Entry, decode_entry
from handrail.lane.steps import COLLECTED
from handrail.ledger.memory_event import MemoryRefused
from handrail.rails.cedar import CedarPolicy
from handrail.testing import Team, TeamTask
from handrail.testing.accounting import read_all
from handrail.testing.tools import unconfined
from handrail.wire.record import Outgoing
from tests.promises.policed import ALL, WHO, forbidding, notes, questions, refund, ruled, sphinx
from tests.promises.step_tools import WORLD, Acts, jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

lines = Memory("lines", carries=list[str], keeps=MemoryClass.FACT)

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
                ctx.memory(lines).append("a", "words")
            case "turn":
                told = collected_in_turn(ctx)
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
    if "then die" in text:
        raise Refused(State.INVALID_INPUT, "it is of no use")
    return f"{told}, then {given}"


@agent(reads=jobs, writes=results)
async def scribe(text: str, ctx: Context) -> str:
    for key in "aaab":
        ctx.memory(lines).append(key, text)
    return "written"


def collected_in_turn(ctx: Context) -> str:
    """Write two keys, in the first run in another order than in all that follow."""
    WORLD.done.append("run")
    refused: list[str] = []
    for key in ("a", "b") if WORLD.done.count("run") == 1 else ("b", "a"):
        try:
            ctx.memory(lines).append(key, "words")
        except Refused:
            refused.append(key)
    return f"refused {refused}"


async def written(team: Team, key: str = "a") -> list[object]:
    """Give what memory holds once the keeper has taken everything that was asked for."""
    found = [await team.memory(notes).get(key), await team.memory(lines).get(key)]
    return [one.value for one in found if one is not None]


async def noted(team: Team, agent: str = "explorer") -> list[Entry]:
    """Give every note of a write at a handler's end, those among them that are removed by now."""
    found = [decode_entry(one) for one in await read_all(team.bus, team.full(f"{agent}.journal"))]
    return [one for one in found if one is not None and one.facts.get("name") == COLLECTED]


@asynccontextmanager
async def exploring(team_of: TeamOf, policy: CedarPolicy | None) -> AsyncIterator[Team]:
    """Run a team that does for eve what these rules let her have done, and may really refund."""
    team = team_of(explorer, sphinx, tools=[refund], memory=[notes, lines], partitions=1)
    async with ruled(team, policy):
        team.allow(refund)
        team.client.asked_by = "eve"
        yield team


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
    async with exploring(team_of, forbidding(action, when)) as team:
        task = await team.submit(jobs, text)
        await waits_again(team, task, CedarPolicy.of(ALL, WHO))

        assert await task.result(str) == "Not for eve, then approval_expired"
        letters = [one for one in await ledger(team) if isinstance(one, MemoryRefused)]
        assert len(letters) == (1 if action == "memory.write" else 0)
        assert await written(team) == []


@pytest.mark.parametrize(("text", "action", "when"), USES)
async def test_what_was_allowed_stays_allowed_in_a_run_that_comes_again_under_other_rules(
    team_of: TeamOf, acts: Acts, text: str, action: str, when: str
) -> None:
    async with exploring(team_of, CedarPolicy.of(ALL, WHO)) as team:
        task = await team.submit(jobs, text)
        await waits_again(team, task, forbidding(action, when))

        assert await task.result(str) == "allowed, then approval_expired"
        kept = {"write": ["words"], "update": ["None words"], "collect": [["words"]]}
        assert await written(team) == kept.get(text, [])


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
    async with exploring(team_of, CedarPolicy.of(ALL, WHO)) as team:
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
    async with exploring(team_of, forbidding(action, when)) as team:
        task = await team.submit(jobs, f"{text} or die")
        await task.until("failed")
        team.rails = unconfined(CedarPolicy.of(ALL, WHO))
        await team.stop(explorer)
        await team.restart(explorer)

        await team.redrive(task, by="ann")
        await task.until("auth_required")
        await team.approve(task, by="fay")

        assert await task.result(str) == "allowed, then refunded 5"


async def test_a_write_that_was_denied_without_a_note_is_judged_again_and_not_let_through(
    team_of: TeamOf, acts: Acts
) -> None:
    async with exploring(team_of, forbidding("memory.write")) as team:
        task = await team.submit(jobs, "collect")
        await task.until("auth_required")
        await team.stop(explorer)
        # As a version left it that noted nothing of what it denied.
        (note,) = await noted(team)
        journal = team.full("explorer.journal")
        await team.bus.sender().send(Outgoing(journal, note.key, None, (), 0))
        await team.restart(explorer)
        await team.approve(task, by="fay")

        assert await task.result(str) == "Not for eve, then refunded 5"
        assert await written(team) == []


async def test_what_was_said_of_a_write_holds_for_that_write_in_whatever_order_a_run_asks(
    team_of: TeamOf, acts: Acts
) -> None:
    policy = forbidding("memory.write", 'when { context.arguments.key == "b" }')
    async with exploring(team_of, policy) as team:
        task = await team.submit(jobs, "turn")
        await waits_again(team, task, CedarPolicy.of(ALL, WHO))

        assert await task.result(str) == "refused ['b'], then approval_expired"
        assert acts.done.count("run") > 1
        assert await written(team, "a") == [["words"]]
        assert await written(team, "b") == []


async def test_a_write_that_was_allowed_and_never_came_about_is_judged_anew_when_it_is_sent_back(
    team_of: TeamOf, acts: Acts
) -> None:
    async with exploring(team_of, CedarPolicy.of(ALL, WHO)) as team:
        task = await team.submit(jobs, "collect then die")
        await task.until("auth_required")
        await team.approve(task, by="fay")
        await task.until("failed")
        team.rails = unconfined(forbidding("memory.write"))
        await team.stop(explorer)
        await team.restart(explorer)

        await team.redrive(task, by="ann", edit="collect", from_step=2)

        assert await task.result(str) == "Not for eve, then refunded 5"
        assert acts.done.count("refund 5") == 1
        assert await written(team) == []


@pytest.mark.parametrize("policy", [None, CedarPolicy.of(ALL, WHO)], ids=["none", "a policy"])
async def test_a_write_at_the_end_is_noted_once_for_its_key_and_only_where_there_is_a_policy(
    team_of: TeamOf, acts: Acts, policy: CedarPolicy | None
) -> None:
    team = ruled(team_of(scribe, memory=[notes, lines], partitions=1), policy)
    async with team:
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "written"
        assert await written(team, "a") == [["x", "x", "x"]]
        assert len(await noted(team, "scribe")) == (0 if policy is None else 2)


async def test_what_was_taken_in_and_has_begun_goes_on_under_rules_that_would_not_take_it_in(
    team_of: TeamOf, acts: Acts
) -> None:
    async with exploring(team_of, CedarPolicy.of(ALL, WHO)) as team:
        await team.kill(explorer, at="after_outcome_commit")
        task = await team.submit(jobs, "read")
        await until(lambda: team.members[0].kill_point.reached_it.is_set(), what="it has read")
        team.rails = unconfined(forbidding("task.submit"))
        await team.restart(explorer)
        await task.until("auth_required")
        await team.approve(task, by="fay")

        assert await task.result(str) == "allowed, then refunded 5"
