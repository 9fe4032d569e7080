"""A bug that is planted in the product is found in what its run leaves; without it nothing is."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from handrail.chaos.checker.check import check
from handrail.chaos.history import Fault, History
from tests.unit.chaos.checker import plants
from tests.unit.chaos.checker.plants import Halved, Patch
from tests.unit.chaos.checker.runs import Shop, shop_that_may_be_wrong
from tests.unit.chaos.checker.shop import cashier, cutter, joiner, maker, think
from tests.waiting import until

Plant = Callable[[Patch], None]
Scene = Callable[[Shop], Awaitable[None]]


async def lived(scene: Scene) -> History:
    """Play a scene and give what it left; a planted bug may keep it from ending well."""
    history: list[History] = []
    async with shop_that_may_be_wrong() as shop:
        try:
            async with asyncio.timeout(20):
                await scene(shop)
        finally:
            history.append(shop.history(settled=True))
    return history[0]


async def quiet(shop: Shop) -> None:
    """One order of each kind, and nobody dies."""
    for task in [await shop.order(1, pieces=2), await shop.order(2, "ada", pays=True)]:
        await task.result()
    await shop.told()


async def dies_after_paying(shop: Shop) -> None:
    task = await shop.dies(cashier, "after_act/pay", lambda: shop.order(1, pays=True))
    await task.until("input_required")
    await shop.resolve(task, happened=True, result="paid by hand")
    await task.result()
    await shop.told()


async def doubts_while_others_are_struck(shop: Shop) -> None:
    """A maker never comes back, a joiner stands still: neither has the lane of what is in doubt."""
    shop.begins("kill", maker)
    task = await shop.dies(cashier, "after_act/pay", lambda: shop.order(1, pays=True))
    await shop.advance(seconds=29)
    shop.spell("freeze", joiner)
    await shop.advance(seconds=10)
    await task.until("input_required")
    await shop.told()


async def dies_after_recording(shop: Shop) -> None:
    task = await shop.dies(cashier, "after_outcome_commit/pay", lambda: shop.order(1, pays=True))
    await task.result()
    await shop.told()


async def dies_after_looking(shop: Shop) -> None:
    """Long before, another process was frozen and has gone on, which explains nothing here."""
    shop.spell("freeze", joiner)
    await shop.advance(seconds=60)
    task = await shop.dies(maker, "before_final", lambda: shop.order(1, pieces=1))
    await task.result()
    await shop.told()


async def dies_while_thinking(shop: Shop) -> None:
    task = await shop.dies(maker, "after_act/think", lambda: shop.order(1, pieces=1))
    await task.result()
    await shop.told()


async def dies_when_others_have_finished(shop: Shop) -> None:
    """The first piece of a partition is still being made when its process dies."""
    gate = asyncio.Event()
    waits: list[str] = []

    async def thinks(what: str) -> str:
        if what in ("1-0", "1-1"):
            waits.append(what)
            await gate.wait()
        return "thought"

    shop.fake(think, does=thinks)
    task = await shop.order(1, pieces=12)
    await shop.settle()
    assert set(waits) == {"1-0", "1-1"}
    (member,) = [one for one in shop.members if one.agent is maker]
    await shop.strike("kill", member)
    gate.set()
    await shop.start(maker)
    await task.result()
    await shop.told()


async def dies_in_between(shop: Shop) -> None:
    """A process dies where the planted producer says."""
    await shop.order(1, pieces=2)
    await until(Halved.struck.is_set, what="the planted producer has struck")
    (member,) = [one for one in shop.members if plants.killed(one.bus)]
    await shop.strike("kill", member)
    await shop.start(member.agent)
    await shop.settle()
    await shop.told()


async def nobody_knows_of_a_commit(shop: Shop) -> None:
    (bus,) = [member.bus for member in shop.members if member.agent is cutter]
    for partition in range(2):
        name = f"{shop.full('cutter')}.{shop.full('orders')}.{partition}"
        bus.doubt_next_commit(name, written=False)  # type: ignore[attr-defined]  # in memory
    shop.faults.append(Fault(time_ms=shop.clock.now_ms(), fault="endtxn", target="cutter"))
    for number in range(1, 5):
        await shop.order(number, pieces=1)
    await shop.settle()
    await shop.reopened(cutter)
    await shop.settle()
    await shop.told()


async def answered_and_lost(shop: Shop) -> None:
    task = await shop.dies(cashier, "after_act/pay", lambda: shop.order(1, pays=True))
    await task.until("input_required")
    shop.patience_is_short()
    try:
        await shop.resolve(task, happened=True, result="paid by hand")
    except AssertionError:
        await shop.order(2, "ada", pays=True)  # so that the lane says how far it has come
        await shop.order(3, "bob", pays=True)
        await shop.settle()
    await shop.told()


async def frozen_and_thawed(shop: Shop) -> None:
    """A cashier freezes in the middle of a step; another takes over; the first one thaws."""
    gates = [asyncio.Event(), asyncio.Event()]
    gates[1].set()
    thinking: list[str] = []

    async def thinks(what: str) -> str:
        thinking.append(what)
        await gates[min(len(thinking), 2) - 1].wait()
        return "thought"

    shop.fake(think, does=thinks)
    task = await shop.order(1, pays=True)
    await until(lambda: thinking, what="the first cashier thinks")
    (member,) = [one for one in shop.members if one.agent is cashier]
    thaw = shop.freeze(member)
    await shop.advance(seconds=11)
    await shop.start(cashier)
    await task.result()
    gates[0].set()
    await thaw()
    await shop.settle()
    await shop.advance(seconds=5)
    await shop.told()


async def cut_off_from_its_group(shop: Shop) -> None:
    """A cashier reaches all but its group's coordinator, which gives its lanes to another."""
    gate = asyncio.Event()
    thinking: list[str] = []

    async def thinks(what: str) -> str:
        thinking.append(what)
        if len(thinking) == 1:
            await gate.wait()
        return "thought"

    shop.fake(think, does=thinks)
    await shop.order(1, pays=True)
    await until(lambda: thinking, what="the first cashier thinks")
    (member,) = [one for one in shop.members if one.agent is cashier]
    hears = shop.cut_off(member)
    await shop.advance(seconds=11)
    await shop.start(cashier)
    gate.set()
    for number in range(2, 10):
        task = await shop.order(number, "ada", pays=True)
        await shop.settle()
        await shop.reopened(cashier)
    await hears()
    await shop.advance(seconds=5)
    await task.result()
    await shop.told()


async def an_order_dies(shop: Shop) -> None:
    task = await shop.order(1, dies=True, pieces=1)
    await task.until("failed")
    await shop.told()


async def two_of_one_customer(shop: Shop) -> None:
    tasks = [await shop.order(number, "ada", pays=True) for number in range(1, 6)]
    for task in tasks:
        await task.result()
    await shop.told()


offset_first = partial(plants.halved, agent="maker", offset_first=True)
records_first = partial(plants.halved, agent="maker", offset_first=False)

CASES: list[tuple[str, Plant, Scene, set[str]]] = [
    ("intents skipped", plants.intents_are_skipped, quiet, {"I2"}),
    ("outcomes not recorded", plants.outcomes_are_not_recorded, quiet, {"I18"}),
    ("recorded step acts", plants.a_recorded_step_acts_again, dies_after_recording, {"I5"}),
    ("look asked again", plants.a_recorded_look_is_asked_for_again, dies_after_looking, {"I5"}),
    ("doubts told late", plants.doubts_are_told_late, doubts_while_others_are_struck, {"I18"}),
    ("one path for two steps", plants.two_steps_have_one_path, quiet, {"I2"}),
    ("one key for two kinds", plants.two_kinds_have_one_key, quiet, {"I14"}),
    ("a key for each try", plants.each_try_has_a_key_of_its_own, quiet, {"I2"}),
    ("random ids", plants.ids_are_random, quiet, {"I2"}),
    ("begun again", plants.what_was_begun_is_begun_again, dies_after_paying, {"I5", "I18"}),
    ("waste not booked", plants.waste_is_not_booked, dies_while_thinking, {"I5", "I17"}),
    ("bitmap dropped", plants.the_bitmap_is_dropped, dies_when_others_have_finished, {"I3"}),
    ("pointer too far", plants.the_pointer_passes_what_is_live, dies_after_paying, {"I14"}),
    (
        "read until empty",
        plants.the_journal_is_read_until_a_poll_is_empty,
        dies_after_recording,
        {"I5"},
    ),
    ("answers unread", plants.answers_count_as_settled_unread, answered_and_lost, {"I14"}),
    ("offset first", offset_first, dies_in_between, {"I1", "I4"}),
    ("records first", records_first, dies_in_between, {"I3"}),
    (
        "doubtful is done",
        plants.a_doubtful_commit_is_taken_for_done,
        nobody_knows_of_a_commit,
        {"I4"},
    ),
    ("undone is read", plants.undone_records_are_read, nobody_knows_of_a_commit, {"I15"}),
    ("no fence", plants.nothing_fences_a_producer, frozen_and_thawed, {"I5", "I6", "I9"}),
    ("no proof of membership", plants.nobody_proves_membership, cut_off_from_its_group, {"I9"}),
    ("all at once", plants.everything_runs_at_once, two_of_one_customer, {"I8"}),
    ("dead letters are empty", plants.dead_letters_are_empty, an_order_dies, {"I16"}),
    ("closed gathers forgotten", plants.closed_gathers_are_forgotten, quiet, {"I19"}),
    ("no dead letters", plants.dead_letters_are_not_written, an_order_dies, {"I1"}),
]
SCENES = [
    quiet,
    dies_after_paying,
    doubts_while_others_are_struck,
    dies_after_recording,
    dies_after_looking,
    dies_while_thinking,
    dies_when_others_have_finished,
    nobody_knows_of_a_commit,
    frozen_and_thawed,
    cut_off_from_its_group,
    an_order_dies,
    two_of_one_customer,
]


@pytest.mark.parametrize("scene", SCENES, ids=[scene.__name__ for scene in SCENES])
async def test_the_unharmed_product_breaks_no_promise_in_any_scene(scene: Scene) -> None:
    history = await lived(scene)

    assert [str(one) for one in check(history)] == []


@pytest.mark.parametrize(
    ("plant", "scene", "names"),
    [case[1:] for case in CASES],
    ids=[case[0].replace(" ", "-") for case in CASES],
)
async def test_a_planted_bug_is_found(
    plant: Any, scene: Scene, names: set[str], monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    try:
        history = await lived(scene)
    finally:
        monkeypatch.undo()

    found = check(history)
    assert names <= {one.invariant for one in found}, "\n".join(map(str, found))
