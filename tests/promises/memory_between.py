"""What memory promises between agents and about persons, on whatever broker `team_of` uses."""

import pytest

from handrail import (
    NEW,
    Access,
    Context,
    Memory,
    MemoryClass,
    Parts,
    PersonalData,
    Refused,
    State,
    Topic,
    agent,
    results,
)
from handrail.testing.accounting import read_all
from handrail.wire.memory import COMMANDS, HISTORY, MEMORY_READ, Positions
from tests.promises.memory import Fact, TeamOf, counts, questions, told
from tests.promises.step_tools import jobs


async def test_who_reads_after_another_has_written_never_reads_what_was_before(
    team_of: TeamOf,
) -> None:
    stale: list[str] = []

    @agent(reads=jobs, writes=told)
    async def bumper(text: str, ctx: Context) -> str:
        key, _, number = text.partition("#")
        if int(number) % 2:
            ctx.memory(counts).increment(key)
            return f"{key}#0"
        applied = await ctx.memory(counts).update(key, lambda old: (old or 0) + 1)
        return f"{key}#{applied.version}"

    @agent(reads=told, writes=results)
    async def checker(text: str, ctx: Context) -> str:
        key, _, version = text.partition("#")
        found = await ctx.memory(counts).get(key)
        if found is None or found.version < int(version):
            stale.append(f"{text}: {found}")
        return key

    async with team_of(bumper, checker, memory=[counts]) as team:
        for first in range(0, 98, 7):  # one at a time of each key, so that nobody is too late
            tasks = [await team.submit(jobs, f"key{n % 7}#{n}") for n in range(first, first + 7)]
            for task in tasks:
                await task.result(str)
        kept = [await team.memory(counts).get(f"key{n}") for n in range(7)]

    assert stale == []
    assert sum(one.value for one in kept if one is not None) == 98


async def test_what_is_about_a_person_is_in_no_topic_and_read_by_its_subject(
    team_of: TeamOf,
) -> None:
    wishes = Memory(
        "wishes",
        carries=Fact,
        keeps=MemoryClass.PREFERENCE,
        access=Access(personal=PersonalData.SUBJECT),
    )

    @agent(reads=jobs, writes=told)
    async def listener(text: str, ctx: Context) -> str:
        wish = Fact(paid=True, by=f"canary-{text}")
        await ctx.memory(wishes).put("likes", wish, expect=NEW, subject=text)
        with pytest.raises(Refused):
            ctx.memory(wishes).merge("likes", {"paid": False}, subject=text)
        return "asked"

    @agent(reads=told, writes=results)
    async def recaller(text: str, ctx: Context) -> str:
        found = await ctx.memory(wishes).get("likes", subject="Ada Lovelace")
        other = await ctx.memory(wishes).get("likes", subject="Bob")
        hits = await ctx.memory(wishes).search("canary", subject="Ada Lovelace")
        assert other is None
        return f"{found.value.by if found else None} {len(hits)}"

    async with team_of(listener, recaller, memory=[wishes]) as team:
        # A claim of the task's own input is no memory; what the keeper is asked to keep is.
        task = await team.submit(jobs, "Ada Lovelace")
        assert await task.result(str) == "canary-Ada Lovelace 1"
        names = ("memory.commands", "memory.wishes", "memory.history", "recaller.journal")
        for name in (*names, "listener.journal"):
            for record in await read_all(team.bus, team.full(name)):
                assert b"canary" not in (record.value or b""), name
                assert b"Lovelace" not in (record.key or b""), name


@pytest.mark.parametrize("subject", [None, "Ada Lovelace"])
async def test_a_put_that_is_done_anew_after_a_redrive_is_no_conflict_with_itself(
    team_of: TeamOf, subject: str | None
) -> None:
    about = Access(personal=PersonalData.SUBJECT) if subject else Access()
    wishes = Memory("wishes", carries=Fact, keeps=MemoryClass.PREFERENCE, access=about)
    wrong = [Refused(State.INVALID_INPUT, "no such thing")]

    @agent(reads=jobs, writes=results)
    async def listener(text: str, ctx: Context) -> str:
        wish = Fact(paid=True, by=text)
        applied = await ctx.memory(wishes).put("likes", wish, expect=NEW, subject=subject)
        if wrong:
            raise wrong.pop()
        return f"version {applied.version}"

    async with team_of(listener, memory=[wishes]) as team:
        task = await team.submit(jobs, "tea")
        await team.settle()
        await task.until("failed")
        await team.redrive(task, from_step=1)
        await team.advance(seconds=1)  # on Kafka it may have come while time stood still

        assert await task.result(str) == "version 1"
        assert len(await read_all(team.bus, team.full(COMMANDS))) == 2
        assert len(await read_all(team.bus, team.full(HISTORY))) == 1


async def test_what_is_gathered_says_how_far_all_of_its_parts_have_written(
    team_of: TeamOf,
) -> None:
    parts, found = Topic("parts", carries=str), Topic("found", carries=str)

    @agent(reads=jobs, writes=parts)
    async def planner(text: str) -> list[str]:
        return [f"{text}/{n}" for n in range(8)]

    @agent(reads=parts, writes=found)
    async def worker(text: str, ctx: Context) -> str:
        return await ctx.ask(questions, text)

    @agent(reads=questions)
    async def answerer(text: str, ctx: Context) -> str:
        ctx.memory(counts).increment(text)
        return text

    @agent(reads=found, writes=results)
    async def gatherer(all_: Parts[str]) -> int:
        return len(all_)

    async with team_of(planner, worker, answerer, gatherer, memory=[counts]) as team:
        task = await team.submit(jobs, "job")
        assert await task.result(int) == 8
        (result,) = await read_all(team.bus, team.full("results"))
        sent = await read_all(team.bus, team.full(COMMANDS))

        said = Positions.of((result.header(MEMORY_READ) or b"").decode())
        assert said == Positions({one.partition: one.offset for one in sent})
        assert len(said.by_partition) > 1


async def test_a_part_that_is_lost_says_all_the_same_how_far_it_has_written(
    team_of: TeamOf,
) -> None:
    parts, found = Topic("parts", carries=str), Topic("found", carries=str)

    @agent(reads=jobs, writes=parts)
    async def planner(text: str) -> list[str]:
        return [f"{text}/{n}" for n in range(3)]

    @agent(reads=parts, writes=found)
    async def worker(text: str, ctx: Context) -> str:
        await ctx.memory(counts).put(text, 1, expect=NEW)
        if text.endswith("1"):
            raise Refused(State.INVALID_INPUT, "it cannot go on")
        return text

    @agent(reads=found, writes=results)
    async def gatherer(all_: Parts[str], ctx: Context) -> int:
        read = [await ctx.memory(counts).get(f"job/{n}") for n in range(3)]
        return sum(one is not None for one in read) + 10 * len(all_.missing)

    async with team_of(planner, worker, gatherer, memory=[counts]) as team:
        task = await team.submit(jobs, "job")
        assert await task.result(int) == 13
        marker = next(
            record
            for record in await read_all(team.bus, team.full("found"))
            if (record.header("ce_type") or b"").startswith(b"handrail_marker")
        )
        (command,) = (
            record
            for record in await read_all(team.bus, team.full(COMMANDS))
            if (record.key or b"").endswith(b"job/1")
        )
        told = Positions.of((marker.header(MEMORY_READ) or b"").decode()).by_partition
        assert told[command.partition] >= command.offset
