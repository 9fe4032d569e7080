"""What a handler is promised of acts on record, when their tool may not be called so any more."""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from handrail import Approval, Context, Effect, Integrity, Reach, Refused, agent, results, tool
from handrail.runtime.remote_tools import remote_tools
from handrail.testing import Team, calls, says
from tests.mcp_servers.wayward import SCHEMA, Wayward, weather
from tests.promises.remote_tools import approve_all, get_weather, quarantine, running, table
from tests.promises.step_tools import WORLD, Acts, jobs

TeamOf = Callable[..., Team]
Change = Callable[[Wayward, Path], Awaitable[None]]

ASKING: dict[str, Any] = {"effects": {}}  # nothing is declared, so each call is approved


@agent(reads=jobs, writes=results)
async def traveller(city: str, ctx: Context) -> str:
    try:
        told = f"{(await ctx.call(get_weather, city=city)).degrees:g}"
    except Refused as no:
        told = no.state.value
    return f"{told}, {await ctx.ask_person('Go there?')}"


@agent(reads=jobs, writes=results)
async def certain(city: str, ctx: Context) -> str:
    return f"{(await ctx.call(get_weather, city=city)).degrees:g}"


async def held(sky: Wayward, folder: Path) -> None:
    """Put the tool in quarantine."""
    del sky
    quarantine(folder)


async def narrowed(sky: Wayward, folder: Path) -> None:
    """Pin a definition that takes fewer arguments."""
    known = {**SCHEMA, "properties": {"city": {"type": "string", "enum": ["Paris"]}}}
    sky.tools = [weather().model_copy(update={"input_schema": known})]
    await approve_all(table(sky, **ASKING), folder)


@pytest.mark.parametrize("anew", [False, True], ids=["running", "started anew"])
@pytest.mark.parametrize("change", [held, narrowed])
@pytest.mark.parametrize("as_changed", [None, {"city": "Oslo"}], ids=["as asked", "as changed"])
async def test_what_was_done_stays_done_whatever_may_be_called_when_its_run_comes_again(
    team_of: TeamOf,
    sky: Wayward,
    tmp_path: Path,
    as_changed: dict[str, str] | None,
    change: Change,
    anew: bool,
) -> None:
    async with running(team_of, traveller, sky, tmp_path, **ASKING) as team:
        task = await team.submit(jobs, "Rome")
        await task.until("auth_required")
        await team.approve(task, by="ann", arguments=as_changed)
        await task.until("input_required")
        await change(sky, tmp_path)
        async with contextlib.AsyncExitStack() as process:
            if anew:
                told = remote_tools(table(sky, **ASKING), tmp_path, [get_weather])
                await process.enter_async_context(told)
            await team.answer(task, "yes")

            assert await task.result(str) == "21.5, yes"

    assert sky.calls == [as_changed or {"city": "Rome"}]


@pytest.mark.parametrize("as_changed", [None, {"city": "Oslo"}], ids=["as asked", "as changed"])
async def test_what_a_quarantine_has_refused_stays_refused_when_that_is_lifted(
    team_of: TeamOf, sky: Wayward, tmp_path: Path, as_changed: dict[str, str] | None
) -> None:
    async with running(team_of, traveller, sky, tmp_path, **ASKING) as team:
        task = await team.submit(jobs, "Rome")
        await task.until("auth_required")
        quarantine(tmp_path)
        await team.approve(task, by="ann", arguments=as_changed)
        await task.until("input_required")
        await approve_all(table(sky, **ASKING), tmp_path)
        await team.answer(task, "no")

        assert await task.result(str) == "denied_by_policy, no"

    assert sky.calls == []


async def test_what_died_of_a_quarantine_is_done_once_it_is_lifted_and_a_person_sends_it_back(
    team_of: TeamOf, sky: Wayward, tmp_path: Path
) -> None:
    async with running(team_of, certain, sky, tmp_path, **ASKING) as team:
        task = await team.submit(jobs, "Rome")
        await task.until("auth_required")
        quarantine(tmp_path)
        await team.approve(task, by="ann", arguments={"city": "Oslo"})
        await task.until("failed")
        await approve_all(table(sky, **ASKING), tmp_path)
        assert sky.calls == []
        await team.redrive(task)

        # By the approval that it had, which nothing has used yet.
        assert await task.result(str) == "21.5"

    assert sky.calls == [{"city": "Oslo"}]


def not_blocked(name: str) -> str:
    """Refuse whom the world has blocked, as a contract does that has become tighter."""
    if name in WORLD.receiver:
        message = f"{name} is blocked"
        raise ValueError(message)
    return name


Payee = Annotated[str, AfterValidator(not_blocked)]


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL, approval=Approval())
async def pay(to: Payee, note: str = "none") -> str:
    """Pay somebody."""
    WORLD.done.append(f"pay {to}: {note}")
    return f"paid {to}"


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def remind(to: Payee, note: str = "none") -> str:
    """Remind somebody."""
    WORLD.done.append(f"remind {to}: {note}")
    return f"reminded {to}"


@agent(reads=jobs, writes=results)
async def payer(to: str, ctx: Context) -> str:
    try:
        told = await ctx.call(pay, to=to)
    except Refused as no:
        told = no.state.value
    return f"{told}, {await ctx.ask_person('Right?')}"


@agent(reads=jobs, writes=results)
async def assistant(wish: str, ctx: Context) -> str:
    told = await ctx.model(wish, returns=str, tools=[pay, remind])
    return f"{told}, {await ctx.ask_person('Right?')}"


def block(name: str) -> None:
    WORLD.receiver[name] = "blocked"


@pytest.mark.parametrize("as_changed", [None, {"to": "eve"}], ids=["as asked", "as changed"])
async def test_what_was_done_stays_done_under_a_contract_that_no_longer_takes_it(
    team_of: TeamOf, acts: Acts, as_changed: dict[str, str] | None
) -> None:
    async with team_of(payer, tools=[pay], partitions=1) as team:
        team.allow(pay)
        task = await team.submit(jobs, "bob")
        await task.until("auth_required")
        await team.approve(task, by="ann", arguments=as_changed)
        await task.until("input_required")
        paid = "bob" if as_changed is None else "eve"
        block(paid)
        await team.answer(task, "yes")

        assert await task.result(str) == f"paid {paid}, yes"
    assert acts.done == [f"pay {paid}: none"]


async def test_what_a_person_has_changed_into_what_no_contract_takes_is_refused_on_record(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(payer, tools=[pay], partitions=1) as team:
        team.allow(pay)
        task = await team.submit(jobs, "bob")
        await task.until("auth_required")
        block("eve")
        await team.approve(task, by="ann", arguments={"to": "eve"})
        await task.until("input_required")
        acts.receiver.clear()
        await team.answer(task, "yes")

        assert await task.result(str) == "invalid_input, yes"
    assert acts.done == []


@pytest.mark.parametrize(("called", "approved"), [(remind, False), (pay, True)])
async def test_what_a_model_has_done_stays_done_under_a_contract_that_no_longer_takes_it(
    team_of: TeamOf,
    acts: Acts,
    called: Any,
    approved: bool,
) -> None:
    async with team_of(assistant, tools=[pay, remind], partitions=1) as team:
        team.allow(pay)
        team.allow(remind)
        team.model.script(calls(called, {"to": "eve"}), says("Done."))
        task = await team.submit(jobs, "see to eve")
        if approved:
            await task.until("auth_required")
            await team.approve(task, by="ann")
        await task.until("input_required")
        block("eve")
        await team.answer(task, "yes")

        assert await task.result(str) == "Done., yes"
    assert acts.done == [f"{called.name} eve: none"]


async def test_what_a_contract_has_refused_a_model_stays_refused_when_it_takes_it_later(
    team_of: TeamOf, acts: Acts
) -> None:
    block("eve")
    async with team_of(assistant, tools=[pay, remind], partitions=1) as team:
        team.allow(remind)
        team.model.script(calls(remind, {"to": "eve"}), says("I may not."))
        task = await team.submit(jobs, "remind eve")
        await task.until("input_required")
        acts.receiver.clear()
        await team.answer(task, "well")

        assert await task.result(str) == "I may not., well"
    assert acts.done == []
