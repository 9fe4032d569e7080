"""A task that was sent back is found when it is lost or doubled; without a bug nothing is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from handrail import Refused, State
from handrail.chaos.checker.check import check
from handrail.chaos.checker.report import report
from handrail.chaos.checker.violation import Harm
from handrail.chaos.history import History
from handrail.lane.begun_before import BegunBefore
from handrail.lane.redrives import Redrives
from handrail.runtime.dead_letters import all_letters, ask_to_settle
from handrail.runtime.worker.redriving import Redriving
from handrail.testing.task import TeamTask
from tests.unit.chaos.checker.plants import Patch
from tests.unit.chaos.checker.runs import Shop, shop_that_may_be_wrong
from tests.unit.chaos.checker.shop import cashier, pay, think

Plant = Callable[[Patch], None]


async def dies_once(shop: Shop) -> TeamTask:
    """An order dies at its bill once it has been thought over, and what it died of is mended."""
    mended: list[bool] = []

    async def pays(what: str) -> str:
        if not mended:
            mended.append(True)
            raise Refused(State.PRECONDITION_FAILED, f"nobody has let {what} through")
        return "paid"

    shop.fake(pay, does=pays)
    task = await shop.order(1, pays=True)
    shop.submissions[-1] = replace(shop.submissions[-1], kind="ordinary", dies=True)
    await task.until("failed")
    return task


async def sent_back(shop: Shop) -> None:
    """People ask for it twice, as whoever has heard of no answer does."""
    await dies_once(shop)
    (member,) = [one for one in shop.members if one.agent is cashier]
    await shop.strike("kill", member)  # what is played back was recorded by another owner
    await shop.start(cashier)
    (letter,) = await all_letters(shop.bus, shop.namespace)
    for _ in range(2):
        now_ms = shop.clock.now_ms()
        await ask_to_settle(shop.bus, shop.namespace, letter, by="ada", now_ms=now_ms)
        await shop.settle()
        await shop.advance(seconds=1)
    await shop.told()


async def sent_back_while_another_is_carried_out(shop: Shop) -> None:
    """Another bill of the same customer is being paid; its process dies with both in hand."""
    gate, held = asyncio.Event(), asyncio.Event()
    died: list[str] = []

    async def pays(what: str) -> str:
        if not died:
            died.append(what)
            raise Refused(State.PRECONDITION_FAILED, f"nobody has let {what} through")
        return "paid"

    async def thinks(what: str) -> str:
        if what == "bill 2":
            held.set()
            await gate.wait()
        return "thought"

    shop.fake(pay, does=pays)
    shop.fake(think, does=thinks)
    first = await shop.order(1, "ada", pays=True)
    shop.submissions[-1] = replace(shop.submissions[-1], kind="ordinary", dies=True)
    await first.until("failed")
    second = await shop.order(2, "ada", pays=True)
    await held.wait()
    (letter,) = await all_letters(shop.bus, shop.namespace)
    await ask_to_settle(shop.bus, shop.namespace, letter, by="ada", now_ms=shop.clock.now_ms())
    await shop.settle()
    (member,) = [one for one in shop.members if one.agent is cashier]
    await shop.strike("kill", member)
    gate.set()
    await shop.start(cashier)
    await first.result()
    await second.result()
    await shop.told()


async def left_dead(shop: Shop) -> None:
    await dies_once(shop)
    await shop.told()


async def lived(scene: Callable[[Shop], Awaitable[None]]) -> History:
    """Play a scene and give what it left; a planted bug may keep it from ending well."""
    history: list[History] = []
    async with shop_that_may_be_wrong() as shop:
        try:
            await scene(shop)
        finally:
            history.append(shop.history(settled=True))
    return history[0]


def a_letter_is_settled_and_nothing_rests(patch: Patch) -> None:
    real = Redriving._plan

    async def plan(redriving: Redriving, *of: Any) -> Any:
        return replace(await real(redriving, *of), entries=())

    patch.setattr(Redriving, "_plan", plan)


def what_was_settled_is_forgotten(patch: Patch) -> None:
    patch.setattr(Redrives, "settled", lambda *_: None)


def requests_are_dropped(patch: Patch) -> None:
    async def take(*_: Any) -> bool:
        return True

    patch.setattr(Redriving, "take", take)


def nothing_counts_as_begun(patch: Patch) -> None:
    patch.setattr(BegunBefore, "restore", lambda *_: None)


@pytest.mark.parametrize("scene", [sent_back, sent_back_while_another_is_carried_out])
async def test_a_task_that_dies_once_and_is_sent_back_breaks_no_promise(
    scene: Callable[[Shop], Awaitable[None]],
) -> None:
    history = await lived(scene)

    assert [str(one) for one in check(history)] == []


@pytest.mark.parametrize(
    ("plant", "harm", "words"),
    [
        (a_letter_is_settled_and_nothing_rests, Harm.LOST, "is still working"),
        (requests_are_dropped, Harm.LOST, "was asked back, and nobody took it"),
        (requests_are_dropped, Harm.LOST, "is dead in the end"),
        (what_was_settled_is_forgotten, Harm.DOUBLED, "gave 2 results where 1 is planned"),
    ],
)
async def test_a_redrive_that_loses_or_doubles_is_found(
    plant: Plant, harm: Harm, words: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    try:
        history = await lived(sent_back)
    finally:
        monkeypatch.undo()

    found = check(history)
    assert words in "\n".join(map(str, found))
    assert report(history, found).by_harm[harm].count > 0


async def test_a_task_that_was_to_be_sent_back_and_never_was_is_lost() -> None:
    history = await lived(left_dead)

    (found,) = check(history)
    assert found.harm is Harm.LOST
    assert "was to die once and be sent back" in found.sentence


async def test_a_redriven_bill_that_is_paid_in_the_middle_of_another_is_found(
    monkeypatch: Patch,
) -> None:
    nothing_counts_as_begun(monkeypatch)
    try:
        history = await lived(sent_back_while_another_is_carried_out)
    finally:
        monkeypatch.undo()

    assert "I8" in {one.invariant for one in check(history)}
