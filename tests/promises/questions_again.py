"""What a lane promises of a handoff that lies on its inbox once more while it is carried out.

A question that is asked anew has the id of the one before, and whoever writes at least once may
write a record twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from handrail import Context, Refused, State, agent, results
from handrail.ledger.event import Dropped, DropReason, Finished
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.record import Outgoing
from tests.promises.questions import Price, prices
from tests.promises.step_tools import TOOLS, Acts, jobs, ledger, pay, real
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_question_that_is_asked_anew_while_its_agent_works_on_it_is_answered_once",
    "test_a_submission_that_lies_on_its_inbox_twice_keeps_what_it_has_recorded",
    "test_a_submission_with_a_reference_whose_record_is_written_twice_is_carried_out_once",
]

PATIENCE: list[asyncio.Timeout] = []


@agent(reads=jobs, writes=results)
async def impatient(text: str, ctx: Context) -> int:
    try:
        async with asyncio.timeout(None) as patience:
            PATIENCE.append(patience)
            return (await ctx.ask(prices, text)).cents
    except TimeoutError:
        raise Refused(State.INVALID_INPUT, "it took too long") from None


@agent(reads=prices)
async def slow(name: str, ctx: Context) -> Price:
    await ctx.call(pay, name)
    return Price(of=name, cents=await ctx.ask_person("How much?", returns=int))


async def repeats(team: Team) -> list[Dropped]:
    """Let a second pass, after which a lane looks for what may start; give what was dropped."""
    await team.advance(seconds=1)
    dropped = [one for one in await ledger(team) if isinstance(one, Dropped)]
    return [one for one in dropped if one.reason is DropReason.REPEAT]


async def test_a_question_that_is_asked_anew_while_its_agent_works_on_it_is_answered_once(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(impatient, slow, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("input_required")
        PATIENCE[-1].reschedule(0)
        await task.until("failed")
        await team.redrive(task)
        await until(lambda: repeats(team), what="the question lies there once more")
        await team.kill(slow)
        await team.restart(slow)
        await team.advance(seconds=2)
        await team.answer(task, 5)

        assert await task.result(int) == 5
        assert acts.done == ["pay x"]
        assert len([one for one in await ledger(team) if isinstance(one, Finished)]) == 2
        assert (await task.task.facts()).open == 0  # type: ignore[union-attr]


async def test_a_submission_that_lies_on_its_inbox_twice_keeps_what_it_has_recorded(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(asked, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("input_required")
        (record,) = await read_all(team.bus, team.full("jobs"))
        again = Outgoing(record.topic, record.key, record.value, record.headers, record.partition)
        late = tuple(
            (name, b"2020-01-01T00:00:00.000Z" if name == "ce_deadline" else value)
            for name, value in record.headers
        )
        for one in (again, replace(again, headers=late)):
            await team.bus.sender().send(one)
        await until(lambda: two_repeats(team), what="it was read twice more")
        await team.kill(asked)
        await team.restart(asked)
        await team.advance(seconds=2)
        await team.answer(task, "yes")

        assert await task.result(str) == "yes"
        assert acts.done == ["pay x"]


async def test_a_submission_with_a_reference_whose_record_is_written_twice_is_carried_out_once(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(asked, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "x", reference="r")
        await task.until("input_required")
        await team.answer(task, "yes")
        assert await task.result(str) == "yes"
        (record,) = await read_all(team.bus, team.full("jobs"))
        again = Outgoing(record.topic, record.key, record.value, record.headers, record.partition)
        await team.kill(asked)
        await team.restart(asked)
        await team.bus.sender().send(again)

        await until(lambda: copies(team), what="the other record is dropped")
        assert acts.done == ["pay x"]


async def copies(team: Team) -> list[Dropped]:
    dropped = [one for one in await ledger(team) if isinstance(one, Dropped)]
    return [one for one in dropped if one.reason is DropReason.COPY]


async def two_repeats(team: Team) -> bool:
    return len(await repeats(team)) == 2


@agent(reads=jobs, writes=results)
async def asked(text: str, ctx: Context) -> str:
    await ctx.call(pay, text)
    return await ctx.ask_person("Is it right?", returns=str)
