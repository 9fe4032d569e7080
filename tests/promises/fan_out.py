"""What fanning out and gathering promise, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections.abc import Callable

from handrail import Context, Effect, Parts, Refused, State, Topic, agent, results
from handrail.ledger.event import PartGathered
from handrail.ledger.event_record import decode
from handrail.testing import Team
from handrail.testing.accounting import read_all
from tests.promises.cancels import has_nothing_open, is_canceled
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]

asks, questions = Topic("asks", carries=str), Topic("questions", carries=str)
findings, sections = Topic("findings", carries=str), Topic("sections", carries=str)
words, counts = Topic("words", carries=str), Topic("counts", carries=str)


@agent(reads=asks, writes=questions)
async def planner(ask: str) -> list[str]:
    return ask.split()


@agent(reads=findings, writes=results)
async def writer(parts: Parts[str]) -> str:
    missing = " ".join(f"{one.part}:{one.reason}" for one in parts.missing)
    return f"{' '.join(parts)} | {missing}"


@agent(reads=questions, writes=findings)
async def researcher(question: str) -> str | None:
    if question == "bad":
        raise ValueError("nothing is known of bad")
    return None if question == "none" else question.upper()


async def test_parts_meet_again_in_their_order(team_of: TeamOf) -> None:
    async with team_of(planner, researcher, writer) as team:
        task = await team.submit(asks, "a b c d e f g")

        assert await task.result(str) == "A B C D E F G | "


async def test_a_lost_part_and_an_empty_one_are_named_and_the_others_go_on(
    team_of: TeamOf,
) -> None:
    async with team_of(planner, researcher, writer) as team:
        task = await team.submit(asks, "a bad b none")

        assert await task.result(str) == "A B | 1:attempts 3:empty"
        assert await task.state() == "completed"
        (letter,) = await task.dead_letters()
        assert letter.body == b'"bad"'


async def test_a_fan_out_of_zero_parts_is_gathered_too(team_of: TeamOf) -> None:
    async with team_of(planner, researcher, writer) as team:
        task = await team.submit(asks, " ")

        assert await task.result(str) == " | "


async def test_a_fan_out_inside_a_fan_out_comes_back_level_by_level(team_of: TeamOf) -> None:
    @agent(reads=questions, writes=words)
    async def splitter(question: str) -> list[str]:
        return question.split("-")

    @agent(reads=words, writes=counts)
    async def counter(word: str) -> str:
        return f"{word}{len(word)}"

    @agent(reads=counts, writes=findings)
    async def joiner(parts: Parts[str]) -> str:
        return "+".join(parts)

    async with team_of(planner, splitter, counter, joiner, writer) as team:
        task = await team.submit(asks, "a-bb ccc d-e-f")

        assert await task.result(str) == "a1+bb2 ccc3 d1+e1+f1 | "


async def test_processes_killed_between_the_parts_lose_none(team_of: TeamOf) -> None:
    gate = Gate()
    runs: list[str] = []

    @agent(reads=questions, writes=findings)
    async def slow_researcher(question: str) -> str:
        runs.append(question)
        if question == "late" and runs.count("late") == 1:
            await gate.pass_through()
        return question.upper()

    async with team_of(planner, slow_researcher, writer) as team:
        task = await team.submit(asks, "a b late c")
        await gate.entered.wait()
        await until(lambda: parts_have_come(team, 3), what="three parts are gathered")
        await team.kill(slow_researcher)
        await team.kill(writer)
        await team.restart(writer)
        await team.restart(slow_researcher)

        assert await task.result(str) == "A B LATE C | "
        assert runs.count("late") == 2


async def parts_have_come(team: Team, count: int) -> bool:
    events = [decode(record) for record in await read_all(team.bus, team.full("ledger"))]
    return sum(isinstance(event, PartGathered) for event in events) == count


async def test_a_gather_whose_time_is_over_goes_on_without_the_late_part(team_of: TeamOf) -> None:
    gate, gathered = Gate(), asyncio.Event()

    @agent(reads=questions, writes=findings)
    async def slow_researcher(question: str) -> str:
        if question == "late":
            await gate.pass_through()
        return question.upper()

    @agent(reads=findings, writes=results, within_s=60)
    async def impatient(parts: Parts[str]) -> str:
        gathered.set()
        return f"{' '.join(parts)} | {' '.join(one.reason for one in parts.missing)}"

    async with team_of(planner, slow_researcher, impatient) as team:
        task = await team.submit(asks, "a late b")
        await gate.entered.wait()
        await until(lambda: parts_have_come(team, 2), what="two parts are gathered")
        await team.advance(seconds=62)
        await gathered.wait()
        gate.opened.set()

        assert await task.result(str) == "A B | late"
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "late_part"


async def test_a_gather_that_has_begun_takes_no_part_that_came_while_its_process_was_away(
    team_of: TeamOf,
) -> None:
    gate, noted = Gate(), asyncio.Event()

    @agent(reads=questions, writes=findings)
    async def slow_researcher(question: str) -> str:
        if question == "late":
            await gate.pass_through()
        return question.upper()

    async def note(text: str) -> str:
        noted.set()
        return text

    @agent(reads=findings, writes=results, within_s=60)
    async def impatient(parts: Parts[str], ctx: Context) -> str:
        return await ctx.step(note, " ".join(parts), effect=Effect.PAID)

    async with team_of(planner, slow_researcher, impatient) as team:
        task = await team.submit(asks, "a late b")
        await gate.entered.wait()
        await until(lambda: parts_have_come(team, 2), what="two parts are gathered")
        await team.kill(impatient, at="before_final")
        await team.advance(seconds=62)
        await noted.wait()
        gate.opened.set()
        await until(lambda: is_handed_on(team, 3), what="the late part is handed on")
        await team.restart(impatient)

        assert await task.result(str) == "A B"
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "late_part"


async def test_a_gather_that_was_sent_back_takes_no_part_that_comes_while_a_person_is_asked(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    wrong = ["no such thing"]

    @agent(reads=questions, writes=findings)
    async def slow_researcher(question: str) -> str:
        if question == "late":
            await gate.pass_through()
        return question.upper()

    @agent(reads=findings, writes=results, within_s=60)
    async def impatient(parts: Parts[str], ctx: Context) -> str:
        if wrong:
            raise Refused(State.INVALID_INPUT, wrong[0])
        yes = await ctx.ask_person("Is it right?")
        return f"{' '.join(parts)}: {yes}"

    async with team_of(planner, slow_researcher, impatient) as team:
        task = await team.submit(asks, "a late b")
        await gate.entered.wait()
        await until(lambda: parts_have_come(team, 2), what="two parts are gathered")
        await team.advance(seconds=62)
        await task.until("failed")
        wrong.clear()
        await team.redrive(task)
        await task.until("input_required")
        await team.kill(impatient)
        gate.opened.set()
        await until(lambda: is_handed_on(team, 3), what="the late part is handed on")
        await team.restart(impatient)
        await team.answer(task, "yes")

        assert await task.result(str) == "A B: yes"


async def is_handed_on(team: Team, count: int) -> bool:
    return len(await read_all(team.bus, team.full("findings"))) >= count


async def test_a_gather_that_has_waited_since_before_its_process_began_ends_with_its_task(
    team_of: TeamOf,
) -> None:
    @agent(reads=findings, writes=results)
    async def asker(parts: Parts[str], ctx: Context) -> str:
        return f"{' '.join(parts)}: {await ctx.ask_person('Is it right?')}"

    async with team_of(planner, researcher, asker) as team:
        task = await team.submit(asks, "a b")
        await task.until("input_required")
        await team.kill(asker)
        await team.restart(asker)

        await task.cancel("no longer wanted")

        await is_canceled(team, task)
        await has_nothing_open(team, task)
