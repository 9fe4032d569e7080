"""What a team promises about where its messages come from, on whatever broker is used."""

from collections.abc import Callable

import pytest
from pydantic import BaseModel, Field

from handrail import (
    NEW,
    Access,
    Context,
    Effect,
    Integrity,
    Memory,
    MemoryClass,
    Parts,
    Reach,
    Refused,
    State,
    Topic,
    agent,
    results,
    tool,
)
from handrail.ledger.event import Finished, PersonAsked
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.model import says
from handrail.wire.memory import COMMANDS
from tests.promises.step_tools import ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

asked = Topic("asked", carries=str)
outside = Topic("outside", carries=str).submitted_as(Integrity.UNTRUSTED)
told = Topic("told", carries=str)
questions = Topic("questions", carries=str, replies=str)
lore = Memory(
    "lore",
    carries=str,
    keeps=MemoryClass.FACT,
    access=Access(integrity=Integrity.UNTRUSTED),
)


@tool(effect=Effect.READ)
async def fetch(page: str) -> str:
    """Fetch a page of somebody else."""
    return f"what {page} says"


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def shelf(page: str) -> str:
    """Look something up in the house."""
    return page


@agent(reads=asked, writes=told)
async def reporter(page: str, ctx: Context) -> str:
    """Read the house's own shelf, or a page from outside."""
    if page.startswith("own"):
        return await ctx.call(shelf, page)
    found = await ctx.call(fetch, page)
    await ctx.memory(lore).put(f"page/{page}", found, expect=NEW)
    return found


@agent(reads=told, writes=results)
async def herald(text: str) -> str:
    return text


class Wish(BaseModel):
    order: int = Field(ge=1, le=99)
    amount: int = Field(ge=0, le=100)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT)
async def refund(order: int, amount: int) -> str:
    """Send money back."""
    return f"{amount} for order {order}"


@agent(reads=asked, writes=results)
async def clerk(page: str, ctx: Context) -> str:
    """Refund what a page asks for, within bounds; or mix up what it says."""
    said = await ctx.call(fetch, page)
    wish = ctx.endorse(Wish(order=len(said) + 20, amount=len(said) + 30))
    if page == "mixed":
        return await ctx.call(refund, order=wish.amount, amount=wish.order)
    return await ctx.call(refund, order=wish.order, amount=wish.amount)


async def labels_on(team: Team, topic: str) -> list[str]:
    """Give the label of each message of a topic, in words."""
    records = await read_all(team.bus, team.full(topic))
    return sorted((record.header("ce_label") or b"none").decode() for record in records)


async def finished(team: Team, who: str) -> list[str]:
    events = await ledger(team)
    found = [one for one in events if isinstance(one, Finished) and one.agent == who]
    return sorted(str(one.label) for one in found)


async def test_what_a_run_has_read_stands_on_all_that_leaves_it_however_often_it_is_killed(
    team_of: TeamOf,
) -> None:
    tools = [fetch, shelf]
    async with team_of(reporter, herald, tools=tools, memory=[lore], partitions=1) as team:
        team.allow(fetch)
        team.allow(shelf)
        await team.kill(reporter, at="after_outcome_commit/fetch")
        task = await team.submit(asked, "weather")
        await team.restart(reporter)
        assert await task.result(str) == "what weather says"
        own = await team.submit(asked, "own")
        assert await own.result(str) == "own"

        assert len(team.calls(fetch)) == 1
        assert await labels_on(team, "told") == ["internal tenant", "untrusted tenant"]
        assert await labels_on(team, "results") == ["internal tenant", "untrusted tenant"]
        assert await labels_on(team, COMMANDS) == ["untrusted tenant"]
        assert await finished(team, "herald") == ["internal tenant", "untrusted tenant"]
        record = await team.memory(lore).get("page/weather")
        assert record is not None
        assert record.label == "untrusted tenant"


@agent(reads=asked, writes=told)
async def rememberer(page: str, ctx: Context) -> str:
    """Give back what memory holds of a page."""
    known = await ctx.memory(lore).get(f"page/{page}")
    return "nothing" if known is None else "something"


async def test_what_was_remembered_is_trusted_no_more_than_when_it_was_written(
    team_of: TeamOf,
) -> None:
    async with team_of(rememberer, herald, memory=[lore]) as team:
        fresh = await team.submit(asked, "weather")
        assert await fresh.result(str) == "nothing"
        await team.memory(lore).put("page/weather", "rain", label="untrusted")
        known = await team.submit(asked, "weather")

        assert await known.result(str) == "something"
        assert await labels_on(team, "told") == ["untrusted tenant", "user tenant"]


@agent(reads=outside, writes=told)
async def postman(text: str) -> str:
    return text


async def test_a_submission_is_a_users_unless_its_topic_or_its_client_says_less(
    team_of: TeamOf,
) -> None:
    async with team_of(rememberer, postman, herald, memory=[lore]) as team:
        for topic, label in [
            (asked, None),
            (asked, "system public"),
            (asked, "untrusted"),
            (asked, "trust me"),
            (outside, "user"),
        ]:
            team.client.label = label
            task = await team.submit(topic, "weather")
            await task.until("completed")

        assert await labels_on(team, "told") == [
            "untrusted restricted",
            "untrusted tenant",
            "untrusted tenant",
            "user tenant",
            "user tenant",
        ]


@tool(effect=Effect.UNSAFE)
async def send(to: str) -> str:
    """Write to somebody."""
    return to


@tool(effect=Effect.UNSAFE)
async def pay(to: str) -> str:
    """Pay somebody."""
    return to


@agent(reads=asked, writes=results)
async def hijacked(act: str, ctx: Context) -> str:
    """Write to whom somebody outside has named, and act for them once more."""
    written = await ctx.call(send, await ctx.call(fetch, "weather"))
    return await ctx.call(send if act == "send" else pay, written)


@pytest.mark.parametrize(("again", "edited"), [("send", False), ("send", True), ("pay", True)])
async def test_an_approval_licenses_one_act_and_vouches_for_no_other(
    team_of: TeamOf, again: str, *, edited: bool
) -> None:
    async with team_of(hijacked, tools=[fetch, send, pay], partitions=1) as team:
        for one in (fetch, send, pay):
            team.allow(one)
        task = await team.submit(asked, again)
        await task.until("auth_required")
        await team.approve(task, arguments={"to": "another"} if edited else None, by="ada")

        await until(lambda: has_asked(team, "send", again), within_s=60, what="it asks again")
        assert len(team.calls(send)) == 1
        assert not team.calls(pay)


async def has_asked(team: Team, *acts: str) -> bool:
    events = await ledger(team)
    return [one.act for one in events if isinstance(one, PersonAsked)] == [*acts]


@agent(reads=questions)
async def oracle(text: str, ctx: Context) -> str:
    return await ctx.call(fetch, text)


@agent(reads=asked, writes=told)
async def asker(text: str, ctx: Context) -> str:
    """Ask a colleague, then a model, which says something of its own."""
    await ctx.ask(questions, text)
    return await ctx.model("Say hello.", returns=str)


async def test_an_answer_and_what_a_model_makes_of_it_have_the_label_of_what_went_in(
    team_of: TeamOf,
) -> None:
    async with team_of(oracle, asker, herald, tools=[fetch]) as team:
        team.allow(fetch)
        team.model.script(says("hello"))
        task = await team.submit(asked, "weather")

        assert await task.result(str) == "hello"
        assert await labels_on(team, "questions") == ["user tenant"]
        assert await labels_on(team, "told") == ["untrusted tenant"]


@agent(reads=asked, writes=outside)
async def splitter(text: str) -> list[str]:
    return ["own", text]


@agent(reads=outside, writes=told)
async def part(text: str, ctx: Context) -> str:
    return text if text == "own" else await ctx.call(fetch, text)


@agent(reads=told, writes=results)
async def gatherer(found: Parts[str]) -> str:
    return " ".join(found)


async def test_a_message_that_is_sent_back_is_trusted_no_more_than_when_it_died(
    team_of: TeamOf,
) -> None:
    wrong = ["not yet"]

    @agent(reads=outside, writes=told)
    async def relay(text: str) -> str:
        if wrong:
            raise Refused(State.INVALID_INPUT, wrong[0])
        return text

    async with team_of(relay, herald, partitions=1) as team:
        task = await team.submit(outside, "news")
        await task.until("failed")
        wrong.clear()
        await team.redrive(task)

        assert await task.result(str) == "news"
        assert await labels_on(team, "told") == ["untrusted tenant"]
        # The registrar's word that the task had failed has no label.
        assert await labels_on(team, "results") == ["none", "untrusted tenant"]


async def test_a_gather_has_read_all_of_its_parts(team_of: TeamOf) -> None:
    async with team_of(splitter, part, gatherer, tools=[fetch]) as team:
        team.allow(fetch)
        task = await team.submit(asked, "weather")

        assert await task.result(str) == "own what weather says"
        assert await labels_on(team, "told") == ["untrusted tenant", "user tenant"]
        assert await finished(team, "gatherer") == ["untrusted tenant"]


async def test_what_was_endorsed_for_one_argument_vouches_for_no_other_however_often_it_is_killed(
    team_of: TeamOf,
) -> None:
    async with team_of(clerk, tools=[fetch, refund], partitions=1) as team:
        team.allow(fetch)
        team.allow(refund)
        await team.kill(clerk, at="before_intent/refund")
        honest = await team.submit(asked, "honest")
        await team.restart(clerk)
        assert await honest.result(str) == "46 for order 36"

        mixed = await team.submit(asked, "mixed")
        await mixed.until("auth_required")
        assert "nobody who is trusted has said: order, amount" in await mixed.task.explanation()
        await team.kill(clerk)
        await team.restart(clerk)
        assert team.calls(refund) == [{"order": 36, "amount": 46}]
        await team.approve(mixed)
        assert await mixed.result(str) == "35 for order 45"
