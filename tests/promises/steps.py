"""What a lane promises about the steps of a handler, on whatever broker `team_of` uses."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import pytest

from handrail import Context, Effect, Idempotent, Refused, TaskFailed, ToolContext, agent, results
from handrail.contract.failure import State
from handrail.errors import Diverged, ForeignTask, StepFailed
from handrail.testing import Team, calls, says
from tests.promises.step_tools import (
    TOOLS,
    Acts,
    Found,
    jobs,
    left_of_steps,
    look,
    pay,
    real,
    rent,
    worker,
)

TeamOf = Callable[..., Team]

# ---- what is recorded is not asked for again


@pytest.mark.parametrize(
    "moment",
    [
        "after_outcome_commit:1",
        "after_outcome_commit:2",
        "after_outcome_commit:3",
        "after_final_commit",
    ],
)
async def test_a_recorded_step_is_not_carried_out_again_by_the_successor(
    team_of: TeamOf, acts: Acts, moment: str
) -> None:
    async with team_of(worker, tools=TOOLS) as team:
        real(team).model.script(says("done"))
        await team.kill(worker, at=moment)
        task = await team.submit(jobs, "x")
        await team.restart(worker)

        assert await task.result(str) == "done: paid x"
        assert acts.done == ["look x", "pay x"]
        assert len(team.model.asked) == 1


@agent(reads=jobs, writes=results)
async def talker(text: str, ctx: Context) -> str:
    return await ctx.model(text, returns=str, tools=[look, rent])


@pytest.mark.parametrize("died_after", range(1, 6))
async def test_no_turn_and_no_tool_call_of_a_recorded_loop_is_repeated(
    team_of: TeamOf, acts: Acts, died_after: int
) -> None:
    async with team_of(talker, tools=TOOLS) as team:
        real(team).model.script(
            calls(look, {"text": "a"}), calls(rent, {"text": "b"}), says("all of it")
        )
        await team.kill(talker, at=f"after_outcome_commit:{died_after}")
        task = await team.submit(jobs, "go")
        await team.restart(talker)

        assert await task.result(str) == "all of it"
        assert acts.done == ["look a", "rent b"]
        assert len(team.model.asked) == 3


async def check(text: str) -> str:
    raise ValueError("no", 5)


async def test_an_error_is_recorded_and_comes_again_as_it_was(team_of: TeamOf) -> None:
    seen: list[tuple[object, ...]] = []

    @agent(reads=jobs, writes=results)
    async def careful(text: str, ctx: Context) -> str:
        try:
            await ctx.call(rent, text)
        except Refused as no:
            seen.append((type(no), no.state, no.title, no.detail, no.remedy, no.retry_after_s))
        try:
            await ctx.call(look, text)
        except Refused as broken:
            seen.append((type(broken), broken.state, broken.detail, broken.__cause__))
        try:
            await ctx.step(check, text, effect=Effect.READ)
        except ValueError as wrong:
            seen.append((type(wrong), wrong.args))
        return await ctx.model("now", returns=str)

    async with team_of(careful, tools=TOOLS) as team:
        refusal = Refused(State.CONFLICT, "taken", title="T", remedy="R", retry_after_s=2.5)
        team.fake(rent, raises=refusal)
        team.fake(look, raises=ValueError("not", 7))
        team.model.script(says("end"))
        await team.kill(careful, at="after_outcome_commit:4")
        task = await team.submit(jobs, "x")
        await team.restart(careful)

        assert await task.result(str) == "end"
        assert (len(team.calls(rent)), len(team.calls(look))) == (1, 1)
    assert seen[0] == (Refused, State.CONFLICT, "T", "taken", "R", 2.5)
    told = "look failed with ValueError; its words are in the log"
    assert seen[1] == (Refused, State.INTERNAL, told, None)
    assert seen[2] == (ValueError, ("no", 5))
    assert seen[3:] == seen[:3]


async def test_an_error_that_cannot_be_made_again_is_another_one_from_the_start(
    team_of: TeamOf,
) -> None:
    class Odd(Exception):
        pass

    async def strange(text: str) -> str:
        raise Odd(text)

    seen: list[type] = []

    @agent(reads=jobs, writes=results)
    async def careful(text: str, ctx: Context) -> str:
        try:
            await ctx.step(strange, text, effect=Effect.READ)
        except Exception as wrong:  # noqa: BLE001 - whichever it is
            seen.append(type(wrong))
        return await ctx.model("now", returns=str)

    async with team_of(careful, tools=TOOLS) as team:
        team.model.script(says("end"))
        await team.kill(careful, at="after_outcome_commit:2")
        task = await team.submit(jobs, "x")
        await team.restart(careful)
        await task.result(str)

    assert seen == [StepFailed, StepFailed]


async def test_a_large_result_is_read_back_whole(team_of: TeamOf) -> None:
    sizes: list[int] = []

    @agent(reads=jobs, writes=results)
    async def reader(text: str, ctx: Context) -> str:
        large = await ctx.call(look, text)
        middle = await ctx.call(look, "m")
        sizes.extend((len(large.text), len(middle.text)))
        return await ctx.model("now", returns=str)

    def answer(text: str) -> Found:
        return Found(text=text * (200_000 if text == "x" else 20_000))

    async with team_of(reader, tools=TOOLS) as team:
        team.fake(look, does=answer)
        team.model.script(says("end"))
        await team.kill(reader, at="after_outcome_commit:3")
        task = await team.submit(jobs, "x")
        await team.restart(reader)
        await task.result(str)

        assert len(team.calls(look)) == 2
    assert sizes == [200_000, 20_000] * 2


async def test_time_and_chance_are_the_same_in_every_run(team_of: TeamOf) -> None:
    runs: list[tuple[datetime, datetime, float]] = []

    @agent(reads=jobs, writes=results)
    async def teller(text: str, ctx: Context) -> str:
        first, drawn = ctx.now(), ctx.random.random()
        await ctx.call(look, text)
        runs.append((first, ctx.now(), drawn))
        return await ctx.model("now", returns=str)

    async with team_of(teller, tools=TOOLS) as team:
        real(team).model.script(says("end"))
        await team.kill(teller, at="after_outcome_commit:2")
        task = await team.submit(jobs, "x")
        await team.advance(seconds=5)
        await team.restart(teller)
        await task.result(str)

    assert len(runs) == 2
    assert runs[0] == runs[1]


async def test_a_function_is_a_step_and_steps_run_side_by_side(team_of: TeamOf, acts: Acts) -> None:
    meeting = asyncio.Barrier(2)

    async def one(ctx: ToolContext, text: str) -> Found:
        await meeting.wait()
        acts.done.append(f"one {text}")
        acts.keys.append(ctx.idem_key)
        return Found(text=text)

    async def two(number: int) -> int:
        await meeting.wait()
        acts.done.append(f"two {number}")
        return number + 1

    @agent(reads=jobs, writes=results)
    async def both(text: str, ctx: Context) -> str:
        found, number = await ctx.gather(
            ctx.step(one, text, effect=Idempotent(ttl_s=60)),
            ctx.step(two, 1, effect=Effect.UNSAFE, name="count"),
        )
        return await ctx.model(f"{found.text}{number}", returns=str)

    async with team_of(both, tools=TOOLS) as team:
        team.model.script(says("end"))
        await team.kill(both, at="after_outcome_commit:3")
        task = await team.submit(jobs, "x")
        await team.restart(both)

        assert await task.result(str) == "end"
        assert team.model.asked[0].prompt == "x2"
    assert sorted(acts.done) == ["one x", "two 1"]
    assert len(acts.keys) == 1


async def test_of_steps_side_by_side_the_first_error_in_their_order_is_raised(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def both(text: str, ctx: Context) -> str:
        try:
            await ctx.gather(ctx.call(rent, text), ctx.call(look, text), ctx.call(pay, text))
        except Refused as first:
            return first.detail
        return "no error"

    async def late(text: str) -> str:
        await asyncio.sleep(0)
        raise ValueError(f"the first, {text}")

    async with team_of(both, tools=TOOLS) as team:
        real(team).fake(rent, does=late)
        team.fake(look, raises=ValueError("the second"))
        task = await team.submit(jobs, "x")

        assert (await task.result(str)).startswith("rent failed with ValueError")
        assert acts.done == ["pay x"], "nobody is cut off by another's error"


async def test_a_step_of_a_foreign_asyncio_task_is_refused(team_of: TeamOf, acts: Acts) -> None:
    @agent(reads=jobs, writes=results)
    async def hasty(text: str, ctx: Context) -> str:
        try:
            await asyncio.gather(ctx.call(pay, text))
        except ForeignTask as refused:
            return str(refused.code)
        return "done"

    async with team_of(hasty, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "HR-STEP-002"
    assert acts.done == []


# ---- a run that goes another way


async def test_a_handler_that_asks_for_something_else_is_stopped_and_told_where(
    team_of: TeamOf,
) -> None:
    run = 0

    @agent(reads=jobs, writes=results)
    async def fickle(text: str, ctx: Context) -> str:
        nonlocal run
        run += 1
        await ctx.call(look, f"{text}{run}")
        return await ctx.model("end", returns=str)

    async with team_of(fickle, tools=TOOLS) as team:
        real(team).model.script(says("end"), says("end"))
        await team.kill(fickle, at="after_outcome_commit:1")
        task = await team.submit(jobs, "x")
        await team.restart(fickle)

        with pytest.raises(TaskFailed, match="another step"):
            await task.result(str)
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "divergence"
        assert 'step 1 was `look(text="x1")` and is now `look(text="x2")`' in str(
            letter.failure.exception_message
        )
        assert await left_of_steps(team, "fickle") == []


async def test_a_handler_that_swallows_the_error_is_stopped_all_the_same(
    team_of: TeamOf, acts: Acts
) -> None:
    run = 0

    @agent(reads=jobs, writes=results)
    async def fickle(text: str, ctx: Context) -> str:
        nonlocal run
        run += 1
        with contextlib.suppress(Diverged):
            await ctx.call(look, f"{text}{run}")
        with contextlib.suppress(Diverged):
            await ctx.call(pay, text)
        return "as if nothing had happened"

    async with team_of(fickle, tools=TOOLS) as team:
        real(team)
        await team.kill(fickle, at="after_outcome_commit:1")
        task = await team.submit(jobs, "x")
        await team.restart(fickle)
        await task.until("failed")

    assert acts.done == ["look x1"]


async def test_a_handler_that_leaves_a_recorded_step_out_is_stopped(team_of: TeamOf) -> None:
    runs: list[int] = []

    @agent(reads=jobs, writes=results)
    async def forgetful(text: str, ctx: Context) -> str:
        runs.append(1)
        if len(runs) == 1:
            await ctx.call(pay, text)
        return "done"

    async with team_of(forgetful, tools=TOOLS) as team:
        real(team)
        await team.kill(forgetful, at="after_outcome_commit:1")
        task = await team.submit(jobs, "x")
        await team.restart(forgetful)
        await task.until("failed")
        (letter,) = await task.dead_letters()

    assert "is no longer asked for" in str(letter.failure.exception_message)


async def test_the_end_of_an_invocation_leaves_nothing_of_its_steps(team_of: TeamOf) -> None:
    async with team_of(worker, tools=TOOLS) as team:
        real(team).model.script(says("done"))
        good = await team.submit(jobs, "x")
        await good.result(str)
        team.fake(pay, raises=RuntimeError("no"))
        bad = await team.submit(jobs, "y")
        await bad.until("failed")

        assert await left_of_steps(team, "worker") == []
