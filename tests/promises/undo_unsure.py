"""What is promised of acts that may have happened when their task is undone, on whatever broker."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Refused,
    State,
    agent,
    results,
    tool,
)
from handrail.errors import UndoRefused
from handrail.ledger.undo_event import ActDone
from handrail.runtime.people import one_request
from handrail.runtime.undo import UndoReport
from handrail.testing import Team
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]


class Shop:
    """The outside: what was ordered, and what is to go wrong after it was."""

    ordered: ClassVar[list[str]] = []
    cancelled: ClassVar[list[str]] = []
    after: ClassVar[list[Exception | str]] = []


@pytest.fixture
def shop() -> type[Shop]:
    Shop.ordered, Shop.cancelled, Shop.after = [], [], []
    return Shop


class Receipt(BaseModel):
    number: int


async def _ordered(thing: str) -> Receipt:
    Shop.ordered.append(thing)
    then = Shop.after.pop(0) if Shop.after else None
    if isinstance(then, Exception):
        raise then
    if then == "hang":
        await asyncio.Event().wait()
    if then is not None:
        return then  # type: ignore[return-value]  # an answer that is not what it promises
    return Receipt(number=len(Shop.ordered))


@tool(effect=Effect.UNSAFE, gives=Integrity.INTERNAL, undo="cancel_order")
async def order(thing: str) -> Receipt:
    """Order a thing."""
    return await _ordered(thing)


@tool(effect=Idempotent(ttl_s=3600), gives=Integrity.INTERNAL, undo="cancel_order")
async def order_once(thing: str) -> Receipt:
    """Order a thing, under the key of the call."""
    return await _ordered(thing)


@tool(effect=Effect.READ, gives=Integrity.INTERNAL, undo="cancel_order")
async def look(thing: str) -> Receipt:
    """Look a thing up."""
    return await _ordered(thing)


@tool(effect=Effect.UNSAFE)
async def cancel_order(thing: str) -> str:
    """Take an order back."""
    Shop.cancelled.append(thing)
    return "done"


@agent(reads=jobs, writes=results)
async def buyer(things: str, ctx: Context) -> str:
    states: list[str] = []
    for thing in things.split():
        wanted = {"look": look, "once": order_once}.get(thing, order)
        try:
            async with asyncio.timeout(0.2 if thing == "slow" else None):
                await ctx.call(wanted, thing)
            states.append("done")
        except TimeoutError:
            states.append("no longer waited for")
        except Refused as refused:
            states.append(refused.state)
    return " ".join(states)


TOOLS = [order, order_once, look, cancel_order]


def real(team: Team) -> Team:
    for one in TOOLS:
        team.allow(one)
    return team


@pytest.mark.parametrize(
    ("then", "told", "said"),
    [
        ("nonsense", "output_invalid", "it has acted, and what it gave back is not what"),
        (
            Refused(State.PARTIAL, "one of two"),
            "partial",
            "only a part of it happened (one of two)",
        ),
        (Refused(State.OUTCOME_UNKNOWN, "cut off"), "outcome_unknown", "nobody knows whether"),
        (Refused(State.INTERNAL, "broken"), "internal", "nobody knows whether"),
    ],
)
async def test_an_act_that_may_have_happened_is_put_to_a_person_when_its_task_is_undone(
    team_of: TeamOf, shop: type[Shop], then: Exception | str, told: str, said: str
) -> None:
    shop.after = [then]
    async with team_of(buyer, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "lamp desk")
        assert await task.result(str) == f"{told} done"

        undoing = await team.undo(task)
        await undoing.until("input_required")
        facts = await undoing.task.facts()
        assert facts is not None
        asked = (await one_request(team.bus, team.namespace, facts, None)).text
        assert asked.startswith('order(thing="lamp") was not taken back')
        assert said in asked
        await team.answer(undoing, "leave")
        left = (await undoing.result(UndoReport)).left

        assert [one.act for one in left] == ['order(thing="lamp")']
        assert shop.cancelled == [
            "desk"
        ]  # nothing is taken back of which nobody knows whether it is there
        again = await team.client.undo(task.task, dry_run=True)
        assert [one.text for one in again.acts] == ['order(thing="lamp")']


async def test_an_act_that_its_handler_no_longer_waited_for_is_put_to_a_person(
    team_of: TeamOf, shop: type[Shop]
) -> None:
    shop.after = ["hang"]
    async with team_of(buyer, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "slow")
        assert await task.result(str) == "no longer waited for"

        (act,) = (await team.client.undo(task.task, dry_run=True)).acts

        assert "nobody knows whether it happened" in act.cannot


async def test_what_has_not_happened_or_leaves_no_trace_is_nothing_to_undo(
    team_of: TeamOf, shop: type[Shop]
) -> None:
    shop.after = [
        Refused(State.NOT_FOUND, "sold out"),
        Refused(State.UNDONE, "it was given back"),
        Refused(State.PARTIAL, "looked at half of it"),
    ]
    async with team_of(buyer, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "lamp desk look")
        assert await task.result(str) == "not_found undone partial"

        with pytest.raises(UndoRefused, match="nothing that it has done has an undo"):
            await team.client.undo(task.task)


@agent(reads=jobs, writes=results)
async def careful(thing: str, ctx: Context) -> str:
    return str((await ctx.call(order_once, thing)).number)


async def test_what_is_known_in_the_end_counts_and_is_undone_once(
    team_of: TeamOf, shop: type[Shop]
) -> None:
    shop.after = [Refused(State.OUTCOME_UNKNOWN, "cut off")]
    async with team_of(careful, tools=TOOLS, partitions=1) as team:
        task = await real(team).submit(jobs, "lamp")
        assert await task.result(str) == "2"  # asked again under its key

        report = await (await team.undo(task)).result(UndoReport)

        assert (len(report.undone), report.left, shop.cancelled) == (1, [], ["lamp"])
        said = [one.certain for one in await ledger(team) if isinstance(one, ActDone)]
        assert said == [False, True]


@pytest.mark.parametrize("moment", ["after_outcome/order", "after_outcome_commit/order"])
async def test_it_stands_on_the_ledger_when_its_process_dies_right_after_it(
    team_of: TeamOf, shop: type[Shop], moment: str
) -> None:
    shop.after = ["nonsense"]
    async with team_of(buyer, tools=TOOLS, partitions=1) as team:
        await real(team).kill(buyer, at=moment)
        task = await team.submit(jobs, "lamp")
        await team.restart(buyer)
        if moment == "after_outcome/order":  # the outcome died with its process
            await task.until("input_required")
            await team.resolve(task, happened=True, result={"number": 1})
        await task.result(str)

        (act,) = (await team.client.undo(task.task, dry_run=True)).acts

        assert act.text == 'order(thing="lamp")'
