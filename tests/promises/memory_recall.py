"""What is put before a model from memory, and what becomes of what it says, on any broker."""

from contextlib import suppress
from dataclasses import replace

import pytest

from handrail import (
    NEW,
    Access,
    Conflict,
    Context,
    Memory,
    MemoryClass,
    PersonalData,
    Recall,
    Refused,
    State,
    agent,
    results,
)
from handrail.contract.recall import RECALLS_COUNT_MAX
from handrail.errors.memory import PromptNotRebuilt
from handrail.errors.steps import StepInvalid
from handrail.ledger.memory_event import MemoryRecalled, MemoryRefused
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.model import says
from tests.promises.memory import TeamOf, facts, note, reader, told
from tests.promises.step_tools import jobs, ledger

lore = Memory("lore", carries=str, keeps=MemoryClass.FACT)
log = Memory("log", carries=list[str], keeps=MemoryClass.FACT)

RIVER = "The old ferry crosses the river at noon whenever the water is low"
BRIDGE = "The new bridge over the river is closed until the end of March"
NEWS = "Nobody has repaired the bridge yet and the town council argues about the costs"


@agent(reads=jobs, writes=told)
async def teller(text: str, ctx: Context) -> str:
    """Have something remembered before the scribe is asked, whose view then has to hold it."""
    known = (
        {"bridge": BRIDGE}
        if "bridge" in text
        else {f"r/{n}": f"{RIVER}, {n} times" for n in range(9)}
    )
    for key, value in known.items():
        with suppress(Conflict):
            await ctx.memory(lore).put(key, value, expect=NEW)
    return text


@agent(reads=told, writes=results)
async def scribe(text: str, ctx: Context) -> str:
    """Have a model answer from memory, and keep what it says."""
    known = await ctx.recall(Recall(lore, query=text), budget_tokens=200)
    said = await ctx.model(text, returns=str, context=known)
    ctx.memory(log).append("scribe", said)
    await ctx.call(note, said)
    with suppress(Refused):
        await ctx.memory(lore).put("said", said, expect=NEW, derived_from=known.references)
    return f"{len(known.records)} {known.tokens} {len(known.dropped)}"


async def given(team: Team) -> list[MemoryRecalled]:
    return [event for event in await ledger(team) if isinstance(event, MemoryRecalled)]


async def test_what_a_model_is_given_is_told_once_and_made_again_byte_for_byte(
    team_of: TeamOf,
) -> None:
    async with team_of(teller, scribe, tools=[note], memory=[lore, log]) as team:
        team.allow(note)
        team.model.script(says(NEWS))
        # What is recalled is recorded before the model is asked, and its run begins once more.
        await team.kill(scribe, at="after_outcome_commit/note")
        task = await team.submit(jobs, "ferry river low water")
        await team.restart(scribe)

        assert await task.result(str) == "5 119 0"
        (asked,) = team.model.asked
        (event,) = await given(team)
        entries = event.manifest.slots[0].entries
        assert (event.task_id, event.agent, event.step) == (task.id, "scribe", "1")
        assert asked.context.startswith("Remembered in lore:\n- lore/r/")
        assert len(entries) == 5
        assert all(one.score > 0 for one in entries)
        for number in range(9):
            await team.memory(lore).put(f"r/{number}", f"It is dry now, {number}.", expect=1)
        assert await team.memory(lore).made_again(event) == asked.context
        other = replace(event.manifest, sha256="0" * 64)
        with pytest.raises(PromptNotRebuilt):
            await team.memory(lore).made_again(replace(event, manifest=other))


async def test_a_model_that_says_only_what_memory_gave_it_is_refused_counted_and_told(
    team_of: TeamOf,
) -> None:
    async with team_of(teller, scribe, tools=[note], memory=[lore, log]) as team:
        team.allow(note)
        team.model.script(says(f"Well: {BRIDGE}.", when="one"))
        team.model.script(says(f"From memory: {BRIDGE}.", when="two"))
        team.model.script(says(f"{BRIDGE.replace('March', 'Sept')}.", when="three"))

        for wish in ("one bridge", "two bridge"):
            assert await (await team.submit(jobs, wish)).result(str)
        assert await team.memory(lore).get("said") is None
        assert await team.memory(log).get("scribe") is None
        told_of = [event for event in await ledger(team) if isinstance(event, MemoryRefused)]
        refused = [event for event in told_of if event.by == "scribe"]
        assert sorted((e.reason, e.space) for e in refused) == [
            ("echo", "log"),
            ("echo", "log"),
            ("echo", "lore"),
            ("echo", "lore"),
        ]
        assert all("just read from memory" in event.sentence for event in refused)

        # Another date is news, however alike its words are.
        assert await (await team.submit(jobs, "three bridge")).result(str)
        kept = await team.memory(lore).get("said")
        assert kept is not None
        assert "Sept" in kept.value
        assert kept.derived_from == ("lore/default/-/bridge@1",)


async def test_what_is_about_a_person_is_read_by_the_model_alone(team_of: TeamOf) -> None:
    wishes = Memory(
        "wishes",
        carries=str,
        keeps=MemoryClass.PREFERENCE,
        access=Access(personal=PersonalData.SUBJECT),
    )
    states: list[State] = []
    meal = "canary soup without any salt on every Monday"

    @agent(reads=jobs, writes=results)
    async def host(text: str, ctx: Context) -> int:
        await ctx.memory(wishes).put("meal", meal, expect=NEW, subject="Ada")
        part = Recall(wishes, keys=["meal", "drink"], subject="Ada", heading="What she likes:")
        known = await ctx.recall(part, budget_tokens=100)
        said = await ctx.model(text, returns=str, context=known)
        try:
            await ctx.memory(wishes).put("again", said, expect=NEW, subject="Ada")
        except Refused as refused:
            states.append(refused.state)
        return known.tokens

    async with team_of(host, memory=[wishes]) as team:
        team.model.script(says(meal))
        task = await team.submit(jobs, "dinner")

        assert await task.result(int) > 0
        assert team.model.asked[0].context == f'What she likes:\n- wishes/meal@1: "{meal}"\n'
        assert states == [State.PRECONDITION_FAILED]
        (event,) = await given(team)
        assert [one.version for one in event.manifest.slots[0].entries] == [1]
        for name in ("memory.commands", "ledger"):
            for record in await read_all(team.bus, team.full(name)):
                assert b"canary" not in (record.value or b""), name
        assert "canary" in await team.memory(wishes).made_again(event)


async def test_what_cannot_be_recalled_is_refused_before_anything_is_read(
    team_of: TeamOf,
) -> None:
    secret = Memory(
        "secret", carries=str, keeps=MemoryClass.FACT, access=Access(readers=("reader",))
    )
    raised: list[str] = []

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> str:
        await ctx.memory(lore).put("a", RIVER, expect=NEW)
        for parts, budget in (
            ([Recall(secret, query=text)], 10),
            ([Recall(lore, keys=["no@key"])], 10),
            ([Recall(lore, query=text, k=1_000)], 10),
            ([Recall(lore, query=text, heading="a\n- lore/b@1: c")], 10),
            ([Recall(lore)] * (RECALLS_COUNT_MAX + 1), 10),
            ([], 10),
            ([Recall(lore, query=text)], -1),
            ([Recall(lore, subject="Ada")], 10),
        ):
            try:
                ctx.recall(*parts, budget_tokens=budget)
            except Exception as error:  # noqa: BLE001 - which one is what is looked at
                raised.append(type(error).__name__)
        empty = await ctx.recall(Recall(lore, query=text, keys=["a"]), budget_tokens=0)
        return empty.text

    async with team_of(asker, reader, memory=[lore, log, facts, secret]) as team:
        task = await team.submit(jobs, "ferry")

        assert await task.result(str) == ""
        assert raised == [
            "Refused",
            "MemoryKeyInvalid",
            *[StepInvalid.__name__] * 5,
            "Refused",
        ]
        (event,) = await given(team)
        assert {one.dropped for one in event.manifest.slots[0].entries} == {"no room in the budget"}
