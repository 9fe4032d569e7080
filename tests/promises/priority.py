"""What high priority promises, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections.abc import Callable

from pydantic import BaseModel

from handrail import Context, Parts, Topic, agent, results
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.record import Outgoing
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]

WORDS = ("plain", "urgent")
PLACES, BACKLOG = 64, 120  #: of one lane, and how much of either priority is asked for


class Part(BaseModel):
    word: str


class Question(BaseModel):
    word: str


jobs = Topic("jobs", carries=str, priorities=True)
parts = Topic("parts", carries=Part)
joins = Topic("joins", carries=Part, priorities=True)
steps = Topic("steps", carries=str, key=lambda text: text.split()[0], priorities=True)
ends = Topic("ends", carries=str, priorities=True)
questions = Topic("questions", carries=Question, replies=str, priorities=True)


async def test_high_priority_passes_a_backlog_by_and_starves_nobody(team_of: TeamOf) -> None:
    began: list[str] = []
    opened = asyncio.Event()

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        began.append(text)
        await opened.wait()
        return text

    async with team_of(worker, partitions=1) as team:
        await put(team, "jobs", "plain", BACKLOG)
        await until(lambda: len(began) == PLACES, what="every place of the lane is taken")
        await put(team, "jobs.high", "urgent", BACKLOG)
        await until(lambda: len(began) == 2 * PLACES, what="urgent ones have begun beside it")
        await until(lambda: waiting(team) == 2 * BACKLOG, what="all of them have been read")
        opened.set()
        await until(lambda: len(began) == 2 * BACKLOG, what="all of them have begun")

        assert began[PLACES : 2 * PLACES] == ["urgent"] * PLACES
        rest = began[2 * PLACES :]
        both = rest[: len(rest) - rest[::-1].index("urgent")]
        plain, high = both.count("plain"), both.count("urgent")
        assert high == BACKLOG - PLACES
        # Four to one, but for what takes the places that become free while all end at once.
        assert high // 8 <= plain <= high // 4 + PLACES // 4 + 4, f"{plain} beside {high}"


async def test_order_is_kept_for_each_key_and_priority(team_of: TeamOf) -> None:
    came: dict[str, list[int]] = {}
    running: set[str] = set()

    @agent(reads=jobs, writes=steps)
    async def splitter(word: str) -> list[str]:
        return [f"{key} {n} {word}" for n in range(5) for key in ("x", "y")]

    @agent(reads=steps)
    async def worker(text: str) -> None:
        key, number, word = text.split()
        box = f"{key} {word}"
        assert box not in running
        running.add(box)
        came.setdefault(box, []).append(int(number))
        for _ in range(5 - int(number)):
            await asyncio.sleep(0)
        running.remove(box)

    async with team_of(splitter, worker, partitions=2) as team:
        for task in [
            await team.submit(jobs, "plain"),
            await team.submit(jobs, "urgent", priority="high"),
        ]:
            await task.until("completed")

        assert came == {f"{key} {word}": [*range(5)] for key in "xy" for word in WORDS}


async def test_priority_travels_through_fan_out_question_and_gather_whoever_is_killed(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=parts)
    async def splitter(text: str) -> list[Part]:
        return [Part(word=word) for word in text.split()]

    @agent(reads=parts, writes=joins)
    async def asker(part: Part, ctx: Context) -> Part:
        return Part(word=await ctx.ask(questions, Question(word=part.word)))

    @agent(reads=questions)
    async def sphinx(question: Question) -> str:
        return question.word.upper()

    @agent(reads=joins, writes=results)
    async def joiner(found: Parts[Part]) -> str:
        return " ".join(part.word for part in found)

    async with team_of(splitter, asker, sphinx, joiner, partitions=2) as team:
        await team.kill(sphinx, at="before_final")
        urgent = await team.submit(jobs, "a b c", priority="high")
        await team.restart(sphinx)
        await team.kill(joiner, at="before_final")
        plain = await team.submit(jobs, "d e")
        await team.restart(joiner)

        assert [await urgent.result(str), await plain.result(str)] == ["A B C", "D E"]
        assert await words_on(team, "joins.high") == await words_on(team, "questions.high") == 3
        assert await words_on(team, "joins") == await words_on(team, "questions") == 2
        # A topic that has one inbox hands the priority on.
        assert sorted(await priorities_on(team, "parts")) == [b"", b"", *[b"high"] * 3]
        facts = await urgent.task.facts()
        assert facts is not None
        assert facts.priority == "high"


async def test_what_died_of_high_priority_is_sent_back_there_and_others_do_not_wait(
    team_of: TeamOf,
) -> None:
    broken = True

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        if broken and text == "bad":
            raise RuntimeError("this cannot be done")
        return text.upper()

    async with team_of(worker, partitions=1) as team:
        bad = await team.submit(jobs, "bad", priority="high")
        good = await team.submit(jobs, "good", priority="high")

        assert await good.result(str) == "GOOD"
        (letter,) = await bad.dead_letters()
        assert letter.topic == team.full("jobs.high")
        broken = False
        await team.redrive(bad)

        assert await bad.result(str) == "BAD"
        assert len(await read_all(team.bus, team.full("worker.high.dead"))) == 1
        (status,) = team.members[0].process.status()
        assert set(status.partitions.values()) == {"open"}
        assert len(status.partitions) == 2


async def test_a_task_of_high_priority_is_canceled_like_any_other(team_of: TeamOf) -> None:
    gate = Gate()

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        await gate.pass_through()
        return text

    async with team_of(worker, partitions=1) as team:
        task = await team.submit(jobs, "long", priority="high")
        await gate.entered.wait()
        await task.cancel("no longer wanted")

        await task.until("canceled")


async def test_a_reference_that_comes_again_with_another_priority_is_the_same_task(
    team_of: TeamOf,
) -> None:
    runs: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        runs.append(text)
        return text

    async with team_of(worker, partitions=1) as team:
        send = team.bus.sender().send
        asked = [
            team.submit(jobs, "once", reference="invoice-7", priority=priority)
            for priority in ("normal", "high", "normal", "high")
        ]
        afar = (
            send(Outgoing(team.full(topic), b"invoice-7", b'"once"', ()))
            for topic in ("jobs", "jobs.high")
        )
        tasks, _ = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*afar))

        assert {task.id for task in tasks} == {tasks[0].id}
        assert [await task.result(str) for task in tasks] == ["once"] * 4
        assert runs == ["once"]


async def test_a_foreign_client_says_its_priority_by_the_inbox_and_a_strange_word_says_nothing(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=ends)
    async def worker(text: str) -> str:
        return text

    @agent(reads=ends, writes=results)
    async def ender(text: str) -> str:
        return text

    async with team_of(worker, ender, partitions=1) as team:
        strange = (("ce_priority", b"at once"),)
        send = team.bus.sender().send
        await send(Outgoing(team.full("jobs.high"), b"afar", b'"far"', ()))
        await send(Outgoing(team.full("jobs"), b"odd", b'"odd"', strange))
        for reference in ("afar", "odd"):
            await until(lambda ref=reference: ended(team, ref), what=f"{reference} has ended")

        assert await priorities_on(team, "ends") == [b""]
        assert await priorities_on(team, "ends.high") == [b"high"]


async def ended(team: Team, reference: str) -> bool:
    found = await read_all(team.bus, team.full("results"))
    return any(record.key == reference.encode() for record in found)


async def words_on(team: Team, topic: str) -> int:
    return len(await read_all(team.bus, team.full(topic)))


async def priorities_on(team: Team, topic: str) -> list[bytes]:
    found = await read_all(team.bus, team.full(topic))
    return [record.header("ce_priority") or b"" for record in found]


async def put(team: Team, inbox: str, text: str, count: int) -> None:
    send, body = team.bus.sender().send, f'"{text}"'.encode()
    await asyncio.gather(*(send(Outgoing(team.full(inbox), None, body, ())) for _ in range(count)))


def waiting(team: Team) -> int:
    lanes = [runner.lane for member in team.members for runner in member.process.lanes]
    return sum(lane.waiting_count for lane in lanes if lane is not None)
