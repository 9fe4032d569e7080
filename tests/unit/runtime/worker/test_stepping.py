"""The licence of a step, and the keys that receivers outside know it by."""

import asyncio
import hashlib
import time

import pytest

from handrail import (
    Context,
    Effect,
    Integrity,
    Reach,
    Refused,
    Retry,
    State,
    Topic,
    agent,
    results,
    tool,
)
from handrail.bus.in_process import InProcessBus
from handrail.contract.tool import ToolContext
from handrail.lane.journal import Kind, decode_entry
from handrail.ledger.event import Dropped
from handrail.runtime.worker.committer import Committer
from handrail.runtime.worker.stepping import LICENCE_S_MAX, LICENCES_COUNT_MAX
from handrail.testing import Team, calls, says
from handrail.testing.accounting import read_all
from handrail.wire.ids import id_of_foreign
from handrail.wire.record import Outgoing
from tests.promises.step_tools import ledger
from tests.waiting import until

jobs = Topic("jobs", carries=str)
keys: list[str] = []

#: A receiver outside may know a call by such a key for as long as it likes.
KEYS_FOR_EVER = [
    "f9c657bfcad2324b5a2aca6da944a9d4bf893d6b0158b0a1bf3dceee89fe355c",
    "d3ad429a44a13e1f105cc8bc6f307486133a4a2b72afef39641fcd59efa8e591",
]


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(ctx: ToolContext, text: str) -> str:
    """Pay."""
    keys.append(ctx.idem_key)
    return text


@agent(reads=jobs, writes=results)
async def payer(text: str, ctx: Context) -> str:
    """Pay once directly and once through the model."""
    await ctx.call(pay, text)
    return await ctx.model(text, returns=str, tools=[pay])


async def test_the_key_of_a_step_never_changes() -> None:
    keys.clear()
    async with Team(payer, tools=[pay]) as team:
        team.allow(pay)
        team.model.script(calls(pay, {"text": "b"}), says("end"))
        # The id of a submission without a reference is chance; a foreign record's is its place.
        partition, offset = await team.bus.sender().send(Outgoing("test.jobs", b"k", b'"a"'))
        await until(lambda: len(keys) == 2)
        await team.settle()

    invocation = id_of_foreign("test.jobs", partition, offset)
    assert keys == [
        hashlib.sha256(f"{invocation}/0/{step_and_index}".encode()).hexdigest()
        for step_and_index in ("1/0", "2/1")
    ]
    assert keys == KEYS_FOR_EVER


def slow_commits(committer: Committer, times: int) -> None:
    """Let the first commits of intents look as if they had begun long ago."""
    real = committer.commit
    left = times

    async def commit(item):
        nonlocal left
        offsets = await real(item)
        if left and b"/intent/" in (item.records[0].key or b""):
            left -= 1
            item.began_s = time.monotonic() - LICENCE_S_MAX - 1
        return offsets

    committer.commit = commit  # type: ignore[method-assign]  # a slow broker, without waiting


@pytest.mark.parametrize("late", [0, 1, 3, LICENCES_COUNT_MAX])
async def test_a_licence_that_is_too_old_is_renewed_before_anything_is_done(late: int) -> None:
    seen: list[str] = []

    @agent(reads=jobs, writes=results)
    async def one(text: str, ctx: Context) -> str:
        try:
            return await ctx.call(pay, text)
        except Refused as refused:
            seen.append(refused.state)
            return "not paid"

    keys.clear()
    async with Team(one, tools=[pay], partitions=1) as team:
        team.allow(pay)
        (lane,) = team.members[0].process.lanes
        assert lane._committer is not None
        slow_commits(lane._committer, late)
        task = await team.submit(jobs, "x")

        result = await task.result(str)
        journal = [decode_entry(r) for r in await read_all(team.bus, team.full("one.journal"))]

    attempts = [e.facts["attempt"] for e in journal if e is not None and e.kind is Kind.INTENT]
    given_up = late == LICENCES_COUNT_MAX
    assert attempts == list(range(1, late + (0 if given_up else 1) + 1))
    assert result == ("not paid" if given_up else "x")
    assert len(keys) == (0 if given_up else 1)
    assert seen == (["dependency_unavailable"] if given_up else [])


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    retry=Retry(max=3, on={State.RATE_LIMITED}),
)
async def pay_when_quiet(ctx: ToolContext, text: str) -> str:
    """Pay, unless it is the first call."""
    keys.append(ctx.idem_key)
    if len(keys) == 1:
        raise Refused(State.RATE_LIMITED, retry_after_s=5)
    return text


@agent(reads=jobs, writes=results)
async def patient_payer(text: str, ctx: Context) -> str:
    return await ctx.call(pay_when_quiet, text)


async def test_a_try_after_a_pause_has_a_licence_of_its_own() -> None:
    keys.clear()
    async with Team(patient_payer, tools=[pay_when_quiet], partitions=1) as team:
        team.allow(pay_when_quiet)
        task = await team.submit(jobs, "x")
        await until(lambda: len(keys) == 1, what="the first try")
        await team.advance(seconds=6)

        assert await task.result(str) == "x"
        records = await read_all(team.bus, team.full("patient_payer.journal"))
        journal = [decode_entry(record) for record in records]

    intents = [e.facts for e in journal if e is not None and e.kind is Kind.INTENT]
    assert [(facts["attempt"], facts.get("charged")) for facts in intents] == [(1, None), (2, None)]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_no_try_begins_after_a_pause_in_which_the_lane_became_another_s() -> None:
    keys.clear()
    async with Team(patient_payer, tools=[pay_when_quiet], partitions=1) as team:
        team.allow(pay_when_quiet)
        task = await team.submit(jobs, "x")
        await until(lambda: len(keys) == 1, what="the first try")
        assert isinstance(team.bus, InProcessBus)
        for one in [*team.bus.broker._identities]:
            if "patient_payer" in one:
                team.bus.broker.init(one)  # as a successor does while this process is stopped

        await team.advance(seconds=6)
        await task.until("input_required")
        begun = len(keys)
        await team.resolve(task, happened=False)

        assert begun == 1
        assert await task.result(str) == "x"


async def test_no_try_begins_after_a_pause_in_which_its_task_was_canceled() -> None:
    keys.clear()
    async with Team(patient_payer, tools=[pay_when_quiet], partitions=1) as team:
        team.allow(pay_when_quiet)
        task = await team.submit(jobs, "x")
        await until(lambda: len(keys) == 1, what="the first try")
        await task.cancel("no longer wanted")
        await team.advance(seconds=6)
        await task.until("canceled")
        told = await ledger(team)

    assert len(keys) == 1
    assert [one.acted for one in told if isinstance(one, Dropped)] == [()], "it has not acted"


async def test_what_is_canceled_while_it_waits_for_its_licence_has_not_begun_and_says_so() -> None:
    keys.clear()
    entered, gate = asyncio.Event(), asyncio.Event()

    @agent(reads=jobs, writes=results)
    async def one(text: str, ctx: Context) -> str:
        entered.set()
        await gate.wait()
        return await ctx.call(pay, text)

    async with Team(one, tools=[pay], partitions=1) as team:
        team.allow(pay)
        task = await team.submit(jobs, "x")
        await asyncio.wait_for(entered.wait(), team.patience_s)
        (lane,) = team.members[0].process.lanes
        committer = lane._committer
        assert committer is not None
        await committer.flush()
        committer.suspend()
        gate.set()
        await until(lambda: committer._queue, what="its intent waits for its commit")
        await task.cancel("no longer wanted")

        async def is_said() -> bool:
            await team.advance(seconds=1)  # cancels are looked at once a second
            return any(item.outcome is not None for item in committer._queue)

        await until(is_said, what="that it has not begun is said")
        committer.resume()
        await task.until("canceled")
        told = await ledger(team)

    assert keys == []
    assert [one.acted for one in told if isinstance(one, Dropped)] == [()]


async def test_nothing_that_follows_from_an_outcome_is_written_before_it() -> None:
    async with Team(payer, tools=[pay], partitions=1) as team:
        team.allow(pay)
        team.model.script(calls(pay, {"text": "b"}), says("end"))
        task = await team.submit(jobs, "a")
        await task.result(str)
        journal = await read_all(team.bus, team.full("payer.journal"))

    written = [
        ("-" if record.value is None else "+") + (record.key or b"").decode().split("/", 1)[1]
        for record in journal
        if b"/intent/" in (record.key or b"") or b"/outcome/" in (record.key or b"")
    ]
    steps = ["+intent/1", "+outcome/1", "+outcome/2.m1", "+intent/2.1", "+outcome/2.1"]
    assert written[:6] == [*steps, "+outcome/2.m2"]
    assert sorted(written[6:]) == sorted(one.replace("+", "-") for one in written[:6])
