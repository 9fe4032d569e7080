"""What a lane promises about the terms `retry` and `secrets`, on whatever broker is used."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

import pytest

from handrail import (
    Approval,
    Context,
    Cost,
    Effect,
    Refused,
    Retry,
    State,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.ledger.event import PersonAsked
from handrail.testing import Team
from handrail.testing.accounting import read_all
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]
CANARY = 'canary-9f3b"7c\\1e'


class Bank:
    """The outside; it fails as often as a test wants."""

    calls: ClassVar[list[str]] = []
    failures: ClassVar[list[Exception]] = []


@pytest.fixture(autouse=True)
def bank() -> None:
    Bank.calls.clear()
    Bank.failures.clear()


AGAIN = Retry(max=3, on={State.DEPENDENCY_UNAVAILABLE, State.RATE_LIMITED, State.OUTPUT_INVALID})


def _paid(text: str) -> str:
    Bank.calls.append(text)
    if Bank.failures:
        raise Bank.failures.pop(0)
    return f"paid {text}"


@tool(effect=Effect.UNSAFE, retry=AGAIN)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    return _paid(text)


@tool(effect=Effect.READ, retry=AGAIN)
async def look(text: str) -> str:
    """Look, which does no harm."""
    return _paid(text)


@tool(effect=Effect.READ, retry=AGAIN, cost=Cost(1))
async def look_dear(text: str) -> str:
    """Look, for money."""
    return _paid(text)


TOOLS = {one.name: one for one in (pay, look, look_dear)}


@agent(reads=jobs, writes=results)
async def payer(job: str, ctx: Context) -> str:
    try:
        return await ctx.call(TOOLS[job], text="42")
    except Refused as no:
        return f"{no.state}"


@agent(reads=jobs, writes=results)
async def hasty(job: str, ctx: Context) -> str:
    try:
        async with asyncio.timeout(0.2):
            return await ctx.call(TOOLS[job], text="42")
    except TimeoutError:
        return "somebody else was asked"


@tool(effect=Effect.UNSAFE, approval=Approval(), secrets=["secret://{tenant}/psp"])
async def transfer(ctx: ToolContext, text: str) -> str:
    """Transfer something, once a person has approved it."""
    Bank.calls.append(text)
    return f"{text} with {len(ctx.secrets['psp'])} letters"


@agent(reads=jobs, writes=results)
async def treasurer(job: str, ctx: Context) -> str:
    try:
        return await ctx.call(transfer, text=job)
    except Refused as no:
        return f"{no.state}: {no.detail}. {no.remedy}"


async def test_nobody_is_asked_to_approve_an_act_whose_secret_is_missing(team_of: TeamOf) -> None:
    async with team_of(treasurer, tools=[transfer], partitions=1) as team:
        team.allow(transfer)
        lacking = await (await team.submit(jobs, "once")).result(str)
        asked = [one for one in await ledger(team) if isinstance(one, PersonAsked)]

        team.secret("psp", CANARY)
        task = await team.submit(jobs, "again")
        await task.until("auth_required")
        await team.approve(task, by="ann")
        done = await task.result(str)

    assert lacking.startswith("precondition_failed: transfer was not called: its secret psp")
    assert "team.secret" in lacking
    assert asked == []
    assert done == f"again with {len(CANARY)} letters"
    assert Bank.calls == ["again"]


@pytest.mark.parametrize(
    ("job", "failures", "calls", "told"),
    [
        ("pay", [State.DEPENDENCY_UNAVAILABLE] * 2, 3, "paid 42"),
        ("pay", [State.DEPENDENCY_UNAVAILABLE] * 3, 3, "dependency_unavailable"),
        ("pay", [State.OUTCOME_UNKNOWN], 1, "outcome_unknown"),
        ("pay", [State.OUTPUT_INVALID], 1, "output_invalid"),  # it may have acted
        ("pay", [State.NOT_FOUND], 1, "not_found"),  # nobody said that it is tried again
        ("look", [State.OUTPUT_INVALID, State.RATE_LIMITED], 3, "paid 42"),
        ("look_dear", [State.OUTPUT_INVALID], 1, "output_invalid"),  # it was paid for
    ],
)
async def test_a_call_is_tried_as_often_as_its_contract_says_where_a_second_time_is_none(
    team_of: TeamOf, job: str, failures: list[State], calls: int, told: str
) -> None:
    Bank.failures += [Refused(state) for state in failures]
    async with team_of(payer, tools=TOOLS.values(), partitions=1) as team:
        for one in TOOLS.values():
            team.allow(one)
        task = await team.submit(jobs, job)
        for tries in range(1, calls + 1):
            await until(lambda n=tries: len(Bank.calls) >= n, what=f"try {tries}")
            await team.advance(seconds=5)

        assert await task.result(str) == told
    assert len(Bank.calls) == calls


async def test_a_wait_that_is_asked_for_is_kept_and_one_that_is_too_long_ends_the_tries(
    team_of: TeamOf,
) -> None:
    Bank.failures += [
        Refused(State.RATE_LIMITED, retry_after_s=20),
        Refused(State.RATE_LIMITED, retry_after_s=3600),
    ]
    async with team_of(payer, tools=[pay], partitions=1) as team:
        team.allow(pay)
        task = await team.submit(jobs, "pay")
        await until(lambda: len(Bank.calls) == 1, what="the first try")
        await team.advance(seconds=19)
        assert len(Bank.calls) == 1
        await team.advance(seconds=2)

        assert await task.result(str) == "rate_limited"
    assert len(Bank.calls) == 2


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"])
async def leaky(ctx: ToolContext, how: str) -> dict[str, str]:
    """Use a secret, and say it in the way that a test asks for."""
    secret = ctx.secrets["psp"]
    Bank.calls.append(secret)
    if how == "error":
        raise ValueError(f"the answer to {secret} was 500")
    if how == "cause":
        raise ConnectionError("away") from ValueError(secret)
    if how == "refusal":
        raise Refused(State.NOT_FOUND, f"{secret} knows nothing")
    return {"said": f"hello {secret}", "context": repr(ctx)}


@agent(reads=jobs, writes=results)
async def teller(how: str, ctx: Context) -> str:
    try:
        return str(await ctx.call(leaky, how=how))
    except Refused as no:
        return f"{no.state}: {no.detail} {no.remedy}"


async def test_no_secret_is_in_any_topic_whatever_a_tool_does_with_it(team_of: TeamOf) -> None:
    told: dict[str, str] = {}
    async with team_of(teller, tools=[leaky], partitions=1) as team:
        team.allow(leaky)
        team.secret("psp", CANARY)
        for how in ("result", "error", "cause", "refusal"):
            told[how] = await (await team.submit(jobs, how)).result(str)
        written = [
            f"{record.key!r} {record.value!r} {record.headers!r}"
            for topic in await team.bus.admin.topics()
            if topic.startswith(team.full(""))
            for record in await read_all(team.bus, topic)
        ]

    assert Bank.calls == [CANARY] * 4
    assert "hello [secret psp]" in told["result"]
    assert told["error"].startswith("internal: leaky failed with ValueError")
    assert told["cause"].startswith("internal: leaky failed with ConnectionError")
    assert told["refusal"].startswith("not_found: [secret psp] knows nothing")
    assert len(written) > 8
    assert not [one for one in written if "9f3b" in one]


async def test_a_secret_that_is_missing_is_a_refusal_that_says_where_it_belongs(
    team_of: TeamOf,
) -> None:
    async with team_of(teller, tools=[leaky], partitions=1) as team:
        team.allow(leaky)
        told = await (await team.submit(jobs, "result")).result(str)

    assert told.startswith("precondition_failed: leaky was not called: its secret psp of default")
    assert "team.secret" in told
    assert Bank.calls == []


async def test_a_handler_that_stops_waiting_between_two_tries_goes_on(team_of: TeamOf) -> None:
    Bank.failures.append(Refused(State.RATE_LIMITED, "it is busy", retry_after_s=20))
    async with team_of(hasty, tools=[*TOOLS.values()], partitions=1) as team:
        team.allow(look)
        task = await team.submit(jobs, "look")

        assert await task.result(str) == "somebody else was asked"
    assert Bank.calls == ["42"]


async def test_what_would_have_been_tried_again_past_its_deadline_puts_nobody_in_doubt(
    team_of: TeamOf,
) -> None:
    Bank.failures.append(Refused(State.RATE_LIMITED, "it is busy", retry_after_s=20))
    async with team_of(payer, tools=[*TOOLS.values()], partitions=1) as team:
        team.allow(pay)
        task = await team.submit(jobs, "pay", deadline_s=10)
        await until(lambda: Bank.calls == ["42"], what="the first try has failed")
        await team.advance(seconds=12)
        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"
        await team.redrive(task)

        assert await task.result(str) == "paid 42"
        assert Bank.calls == ["42", "42"]
        assert not [one for one in await ledger(team) if isinstance(one, PersonAsked)]
