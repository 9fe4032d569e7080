"""What a handler is promised of memory, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest
from pydantic import BaseModel

from handrail import (
    NEW,
    Access,
    Conflict,
    Context,
    Effect,
    Handoff,
    Integrity,
    Memory,
    MemoryClass,
    Parts,
    Reach,
    Refused,
    Topic,
    agent,
    results,
    tool,
)
from handrail.errors.memory import SpaceUnknown
from handrail.ledger.memory_event import MemoryRefused
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.memory import COMMANDS, MEMORY_READ, Positions
from tests.promises.step_tools import jobs, ledger, left_of_steps
from tests.waiting import until

TeamOf = Callable[..., Team]


class Fact(BaseModel):
    """What is known of an order."""

    paid: bool
    by: str = ""


class Tally(BaseModel):
    """How often something was seen."""

    count: int = 0


facts = Memory("facts", carries=Fact, keeps=MemoryClass.FACT)
notes = Memory("notes", carries=list[str], keeps=MemoryClass.WORKING)
counts = Memory("counts", carries=int, keeps=MemoryClass.FACT)

told = Topic("told", carries=str)
questions = Topic("questions", carries=str, replies=str)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def note(text: str) -> str:
    """Note something down, which nobody can take back."""
    return text


@agent(reads=jobs, writes=told)
async def writer(text: str, ctx: Context) -> str:
    old = await ctx.memory(facts).get(text)
    expect = old.version if old else NEW
    await ctx.memory(facts).put(text, Fact(paid=True, by="writer"), expect=expect)
    await ctx.call(note, text)
    return text


@agent(reads=told, writes=results)
async def reader(text: str, ctx: Context) -> str:
    found = await ctx.memory(facts).get(text)
    return "nothing" if found is None else f"{found.version} {found.value.by}"


async def commands(team: Team) -> int:
    return len(await read_all(team.bus, team.full(COMMANDS)))


async def test_what_one_agent_has_put_the_next_one_reads(team_of: TeamOf) -> None:
    async with team_of(writer, reader, tools=[note], memory=[facts]) as team:
        team.allow(note)
        tasks = [await team.submit(jobs, f"order/{n}") for n in range(10)]

        for task in tasks:
            assert await task.result(str) == "1 writer"
        assert (found := await team.memory(facts).get("order/3")) is not None
        assert (found.version, found.value) == (1, Fact(paid=True, by="writer"))
        assert found.provenance.agent == "writer"
        assert found.provenance.task_id == tasks[3].id
        assert not await left_of_steps(team, "writer")


@pytest.mark.parametrize(
    "moment",
    [
        "before_intent/memory.put",
        "after_intent_commit/memory.put",
        "after_outcome_commit/note",
        "after_final_commit",
    ],
)
async def test_a_put_is_written_once_wherever_its_writer_is_killed(
    team_of: TeamOf, moment: str
) -> None:
    async with team_of(writer, reader, tools=[note], memory=[facts]) as team:
        team.allow(note)
        await team.kill(writer, at=moment)
        task = await team.submit(jobs, "order/42")
        await team.restart(writer)

        assert await task.result(str) == "1 writer"
        assert await commands(team) == 1
        assert len(await team.memory(facts).history("order/42")) == 1


async def test_a_conflict_is_told_with_the_present_version_and_told_again_to_a_later_run(
    team_of: TeamOf,
) -> None:
    seen: list[object] = []

    @agent(reads=jobs, writes=results)
    async def stubborn(text: str, ctx: Context) -> str:
        try:
            await ctx.memory(facts).put(text, Fact(paid=True), expect=NEW)
        except Conflict as conflict:
            seen.append(conflict.found)
            await ctx.call(note, text)
            return f"it is at {conflict.found}"
        return "written"

    async with team_of(stubborn, tools=[note], memory=[facts]) as team:
        team.allow(note)
        await team.memory(facts).put("order/1", Fact(paid=False), expect=NEW)
        await team.kill(stubborn, at="after_outcome_commit/note")
        task = await team.submit(jobs, "order/1")
        await team.restart(stubborn)

        assert await task.result(str) == "it is at 1"
    assert seen == [1, 1]


async def test_an_uncaught_conflict_is_tried_again_on_what_is_there_now(team_of: TeamOf) -> None:
    read: list[int | None] = []

    @agent(reads=jobs, writes=results)
    async def payer(text: str, ctx: Context) -> str:
        space = ctx.memory(facts)
        old = await space.get(text)
        read.append(old.version if old else None)
        if len(read) == 1:
            await team.memory(facts).put(text, Fact(paid=False, by="somebody"), expect=NEW)
        if old is not None and old.value.by == "somebody" and len(read) == 2:
            await team.memory(facts).put(text, Fact(paid=True, by="done"), expect=1)
        elif old is not None and old.value.by == "done":
            return "nothing is left to do"
        await space.put(text, Fact(paid=True, by="payer"), expect=old.version if old else NEW)
        return "paid"

    async with team_of(payer, memory=[facts]) as team:
        task = await team.submit(jobs, "order/7")

        # The third try takes another way than the first two: what they had decided is forgotten.
        assert await task.result(str) == "nothing is left to do"
        assert read == [None, 1, 2]
        assert await commands(team) == 4
        # It reads what is there now, since it waits for what its failed tries had come to know.
        (result,) = await read_all(team.bus, team.full("results"))
        last = (await read_all(team.bus, team.full(COMMANDS)))[-1]
        seen = Positions.of((result.header(MEMORY_READ) or b"").decode())
        assert seen == Positions({last.partition: last.offset})
        assert not await left_of_steps(team, "payer")


async def test_a_conflict_after_something_that_happens_once_ends_its_handoff(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def late(text: str, ctx: Context) -> str:
        old = await ctx.memory(facts).get(text)
        await ctx.call(note, f"paid {text}")
        await ctx.memory(facts).put(text, Fact(paid=True), expect=old.version if old else NEW)
        return "paid"

    async with team_of(late, tools=[note], memory=[facts]) as team:
        await team.memory(facts).put("order/1", Fact(paid=False), expect=NEW)
        team.fake(note, does=lambda text: _interfere(team, text))
        task = await team.submit(jobs, "order/1")
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.exception_message is not None
        assert "order/1" in letter.failure.exception_message
        assert len(team.calls(note)) == 1


async def _interfere(team: Team, text: str) -> str:
    await team.memory(facts).put("order/1", Fact(paid=False, by="somebody"), expect=1)
    return text


async def test_an_update_takes_in_what_others_have_written_meanwhile(team_of: TeamOf) -> None:
    rounds: list[int] = []

    def one_more(old: int | None) -> int:
        rounds.append(old or 0)
        return (old or 0) + 1

    @agent(reads=jobs, writes=results)
    async def counter(text: str, ctx: Context) -> int:
        applied = await ctx.memory(counts).update(text, one_more)
        return applied.version

    async with team_of(counter, memory=[counts]) as team:
        # As many as there are rounds in an update: none of them can be too late each time.
        tasks = [await team.submit(jobs, "visits") for _ in range(3)]
        versions = sorted([await task.result(int) for task in tasks])

        assert versions == [1, 2, 3]
        assert (found := await team.memory(counts).get("visits")) is not None
        assert found.value == 3


async def test_what_cannot_conflict_and_the_handoff_appear_together_or_not_at_all(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=told)
    async def collector(text: str, ctx: Context) -> str:
        ctx.memory(counts).increment("seen", 3)
        ctx.memory(counts).increment("seen")
        return text

    @agent(reads=told, writes=results)
    async def counting(text: str, ctx: Context) -> int:
        found = await ctx.memory(counts).get("seen")
        return found.value if found else 0

    async with team_of(collector, counting, memory=[counts]) as team:
        await team.kill(collector, at="before_final")
        task = await team.submit(jobs, "x")
        (member,) = [one for one in team.members if one.agent is collector]
        await until(lambda: member.kill_point.reached_it.is_set())
        assert await commands(team) == 0
        assert not await read_all(team.bus, team.full("told"))
        await team.restart(collector)

        assert await task.result(int) == 4
        assert await commands(team) == 2
        (handoff,) = await read_all(team.bus, team.full("told"))
        last = (await read_all(team.bus, team.full(COMMANDS)))[-1]
        said = Positions.of((handoff.header(MEMORY_READ) or b"").decode())
        assert said == Positions({last.partition: last.offset})


async def test_positions_go_from_parts_to_their_gather_and_from_an_answer_to_its_asker(
    team_of: TeamOf,
) -> None:
    parts, found = Topic("parts", carries=str), Topic("found", carries=str)

    @agent(reads=jobs, writes=parts)
    async def planner(text: str) -> list[str]:
        return [f"{text}/{n}" for n in range(6)]

    @agent(reads=parts, writes=found)
    async def worker(text: str, ctx: Context) -> str:
        await ctx.ask(questions, text)
        return text

    @agent(reads=questions)
    async def answerer(text: str, ctx: Context) -> str:
        ctx.memory(counts).increment(text)
        return "counted"

    @agent(reads=found, writes=results)
    async def gatherer(all_: Parts[str], ctx: Context) -> int:
        seen = await ctx.gather(*(ctx.memory(counts).get(text) for text in sorted(all_)))
        return sum(one.value for one in seen if one is not None)

    async with team_of(planner, worker, answerer, gatherer, memory=[counts]) as team:
        task = await team.submit(jobs, "job")

        assert await task.result(int) == 6


async def test_scratch_belongs_to_its_task_and_keys_to_its_tenant(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=told)
    async def scribbler(text: str, ctx: Context) -> str:
        await ctx.memory(notes).put("draft", [text])
        return text

    @agent(reads=told, writes=results)
    async def looker(text: str, ctx: Context) -> str:
        found = await ctx.memory(notes).get("draft")
        return str(found.value if found else None)

    async with team_of(scribbler, looker, memory=[notes]) as team:
        one, two = await team.submit(jobs, "a"), await team.submit(jobs, "b")

        assert await one.result(str) == "['a']"
        assert await two.result(str) == "['b']"
        assert (draft := await team.memory(notes).get("draft", task=one.id)) is not None
        assert draft.value == ["a"]


async def test_a_wrong_space_or_a_missing_right_is_refused_in_words(team_of: TeamOf) -> None:
    secret = Memory(
        "secret", carries=Fact, keeps=MemoryClass.FACT, access=Access(("other",), ("other",))
    )
    rules = Memory("rules", carries=str, keeps=MemoryClass.PROCEDURE)
    said: list[str] = []

    @agent(reads=jobs, writes=told)
    async def nosy(text: str, ctx: Context) -> Handoff[str] | None:
        for attempt in (
            lambda: ctx.memory(secret).get("k"),
            lambda: ctx.memory(secret).put("k", Fact(paid=True)),
            lambda: ctx.memory(rules).put("k", "always"),
            lambda: ctx.memory(counts).get("k", subject="ada"),
        ):
            with pytest.raises(Refused) as refused:
                attempt()
            said.append(f"{refused.value.state}: {refused.value.detail}")
        with pytest.raises(SpaceUnknown) as unknown:
            ctx.memory(notes)
        said.append(str(unknown.value))
        return None

    @agent(reads=told)
    async def other(text: str) -> None:
        return None

    async with team_of(nosy, other, memory=[secret, rules, counts]) as team:
        task = await team.submit(jobs, "x")
        await task.until("completed")
        assert await commands(team) == 0
        counted = [one for one in await ledger(team) if isinstance(one, MemoryRefused)]
        assert [one.reason for one in counted] == ["right", "right", "approval", "personal"]

    assert said[0].startswith("denied_by_policy: nosy may not read memory secret")
    assert said[1].startswith("denied_by_policy: nosy may not write memory secret")
    assert said[2].startswith("needs_approval: memory rules holds procedures")
    assert said[3].startswith("invalid_input: memory counts holds no personal data")
    assert "no memory space notes" in said[4]


async def test_a_refusal_of_the_keeper_is_an_error_in_words_and_final(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def prophet(text: str, ctx: Context) -> str:
        await ctx.memory(facts).put(text, Fact(paid=True), expect=99)
        return "written"

    async with team_of(prophet, memory=[facts]) as team:
        task = await team.submit(jobs, "order/9")
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.exception_message is not None
