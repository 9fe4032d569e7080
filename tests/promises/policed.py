"""What is promised about the policy for other acts than calls of tools, on whatever broker."""

from collections.abc import Callable

import pytest

from handrail import (
    Approval,
    Context,
    Effect,
    Memory,
    MemoryClass,
    Refused,
    Topic,
    agent,
    results,
    tool,
)
from handrail.errors import TaskRejected
from handrail.errors.asking import DecisionNotTaken
from handrail.ledger.event import Dropped, RedriveRefused
from handrail.rails.cedar import CedarPolicy
from handrail.testing import Team
from handrail.testing.tools import unconfined
from tests.promises.step_tools import WORLD, Acts, jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

drafts = Topic("drafts", carries=str)
questions = Topic("questions", carries=str, replies=str)
notes = Memory("notes", carries=str, keeps=MemoryClass.FACT)

ALL = '@id("all") permit (principal, action, resource);'
WHO = {"finance": ["fay", "gus"]}


def forbidding(action: str, more: str = "", person: str = "eve") -> CedarPolicy:
    """Give a policy that lets everybody do everything, but one person this one thing."""
    rule = (
        f'@id("not-{person}") @title("Not for {person}") @remedy("Ask ann to do it.")'
        f' forbid (principal == Person::"{person}", action == Action::"{action}", resource) {more};'
    )
    return CedarPolicy.of(ALL + rule, WHO)


@tool(effect=Effect.UNSAFE, approval=Approval(by="role:finance"))
async def refund(amount: int) -> str:
    """Send money back."""
    WORLD.done.append(f"refund {amount}")
    return f"refunded {amount}"


@agent(reads=jobs, writes=(drafts, results))
async def clerk(text: str, ctx: Context) -> str:
    WORLD.done.append(f"clerk {text}")
    if text == "refund":
        return await ctx.call(refund, 5)
    if text == "die":
        raise Refused("invalid_input", "it is of no use")  # type: ignore[arg-type]
    try:
        if text == "ask":
            return await ctx.ask(questions, "why?")
        if text == "read":
            return f"{await ctx.memory(notes).get('a')}"
        if text == "write":
            return f"{(await ctx.memory(notes).put('a', 'words')).version}"
        if text == "collect":
            ctx.memory(notes).append("a", "words")
    except Refused as no:
        return f"{no.state}: {no.title}. {no.remedy}"
    return text


@agent(reads=drafts, writes=results)
async def writer(text: str) -> str:
    return f"written {text}"


@agent(reads=questions)
async def sphinx(text: str) -> str:
    return f"because of {text}"


@agent(reads=jobs, writes=drafts)
async def forwarder(text: str) -> str:
    return text


@agent(reads=jobs, writes=results)
async def solo(text: str) -> str:
    WORLD.done.append(f"solo {text}")
    return text


def ruled(team: Team, policy: CedarPolicy | None, person: str = "eve") -> Team:
    if policy is not None:
        team.rails = unconfined(policy)
    return team


TOLD_EVE = ("Not for eve", "rule not-eve", "Ask ann to do it.")
NOT_EVE = "denied_by_policy: Not for eve. Ask ann to do it."


async def test_work_that_may_not_be_asked_for_is_refused_in_words_and_does_not_vanish(
    team_of: TeamOf, acts: Acts
) -> None:
    policy = forbidding("task.submit")
    async with ruled(team_of(forwarder, writer, partitions=1), policy) as team:
        team.client.asked_by = "eve"
        task = await team.submit(jobs, "x", reference="invoice-7")
        await task.until("rejected")
        assert "does not let eve have task.submit done on jobs: Not for eve" in (
            await task.task.explanation()
        )
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "denied"
        with pytest.raises(TaskRejected) as no:
            await task.result(str)
        assert all(words in no.value.why for words in TOLD_EVE)

        # The same reference is the same task within a day, and is told the same.
        again = await team.submit(jobs, "x", reference="invoice-7")
        assert again.id == task.id
        with pytest.raises(TaskRejected) as no:
            await again.result(str)
        assert all(words in no.value.why for words in TOLD_EVE)

        team.client.asked_by = "ann"
        allowed = await team.submit(jobs, "y")
        assert await allowed.result(str) == "written y"
        assert acts.done == []


async def test_what_was_denied_goes_on_when_it_is_sent_back_and_its_reference_stays_taken(
    team_of: TeamOf, acts: Acts
) -> None:
    denying, allowing = forbidding("task.submit"), CedarPolicy.of(ALL, WHO)
    async with ruled(team_of(solo, partitions=1), denying) as team:
        team.client.asked_by = "eve"
        task = await team.submit(jobs, "first", reference="invoice-7")
        await task.until("rejected")
        assert f"handrail dead redrive --task {task.id}" in await task.task.explanation()
        await team.kill(solo)
        team.rails = unconfined(allowing)
        await team.restart(solo)

        # It is the same task, as a repeat of any other: what it asks for now is not done.
        again = await team.submit(jobs, "second", reference="invoice-7")
        await until(lambda: was_dropped(team))
        with pytest.raises(TaskRejected) as no:
            await again.result(str)
        assert f"handrail dead redrive --task {task.id}" in no.value.why
        assert acts.done == []

        await team.redrive(task, by="ann")
        assert await task.result(str) == "first"

        # Nor does whoever has the lane next, whatever its rules, take it for a new one.
        await team.kill(solo)
        team.rails = unconfined(denying)
        await team.restart(solo)
        await team.submit(jobs, "third", reference="invoice-7")
        await until(lambda: was_dropped(team, times=2))
        assert await task.result(str) == "first"
        assert acts.done == ["solo first"]


async def was_dropped(team: Team, *, times: int = 1) -> bool:
    return sum(isinstance(one, Dropped) for one in await ledger(team)) == times


async def test_a_message_that_may_not_be_handed_on_does_not_leave_and_its_task_fails_in_words(
    team_of: TeamOf,
) -> None:
    policy = forbidding("handoff.send", 'when { resource == Topic::"drafts" }')
    async with ruled(team_of(forwarder, writer, partitions=1), policy) as team:
        team.client.asked_by = "eve"
        task = await team.submit(jobs, "x")
        await task.until("failed")
        assert "handoff.send done on drafts: Not for eve" in await task.task.explanation()
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "denied"


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("ask", "handoff.send"),
        ("read", "memory.read"),
        ("write", "memory.write"),
        ("collect", "memory.write"),
    ],
)
async def test_a_handler_is_told_by_which_rule_its_asker_may_not(
    team_of: TeamOf, acts: Acts, text: str, action: str
) -> None:
    only = {"handoff.send": 'when { resource == Topic::"questions" }'}.get(action, "")
    team = ruled(
        team_of(clerk, sphinx, writer, tools=[refund], memory=[notes], partitions=1),
        forbidding(action, only),
    )
    async with team:
        team.client.asked_by = "eve"
        denied = await team.submit(jobs, text)
        assert await denied.result(str) == f"written {NOT_EVE}"
        team.client.asked_by = "ann"
        allowed = await team.submit(jobs, text)
        assert "denied" not in await allowed.result(str)


async def test_a_decision_of_whoever_may_not_decide_counts_for_nothing(
    team_of: TeamOf, acts: Acts
) -> None:
    policy = forbidding("approval.decide", 'when { resource == Request::"refund" }', "gus")
    team = ruled(team_of(clerk, sphinx, writer, tools=[refund], memory=[notes]), policy)
    async with team:
        team.allow(refund)
        task = await team.submit(jobs, "refund")
        await task.until("auth_required")
        with pytest.raises(DecisionNotTaken, match="Not for gus"):
            await team.approve(task, by="gus")
        await team.approve(task, by="fay")

        assert await task.result(str) == "written refunded 5"
        assert acts.done.count("refund 5") == 1


async def test_a_letter_is_sent_back_by_whoever_may_send_it_back(
    team_of: TeamOf, acts: Acts
) -> None:
    policy = forbidding("dead_letter.redrive", 'when { resource == DeadLetter::"clerk" }')
    team = ruled(team_of(clerk, sphinx, writer, tools=[refund], memory=[notes]), policy)
    async with team:
        task = await team.submit(jobs, "die")
        await task.until("failed")
        with pytest.raises(AssertionError, match="Not for eve"):
            await team.redrive(task, by="eve")
        (refused,) = [one for one in await ledger(team) if isinstance(one, RedriveRefused)]
        assert "rule not-eve" in refused.sentence
        await team.redrive(task, by="ann", edit="fine")

        assert await task.result(str) == "written fine"


async def test_a_team_without_a_policy_lets_everybody_do_everything(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, sphinx, writer, tools=[refund], memory=[notes], partitions=1) as team:
        team.client.asked_by = "eve"
        for text in ("ask", "read", "write", "collect"):
            task = await team.submit(jobs, text)
            assert "denied" not in await task.result(str)


async def test_where_there_are_rules_what_none_permits_is_denied(team_of: TeamOf) -> None:
    only_tools = '@id("t") permit (principal, action == Action::"tool.call", resource);'
    policy = CedarPolicy.of(only_tools, {})
    async with ruled(team_of(forwarder, writer, partitions=1), policy) as team:
        task = await team.submit(jobs, "x")
        await task.until("rejected")
        assert "No rule lets a test do task.submit on jobs" in await task.task.explanation()
