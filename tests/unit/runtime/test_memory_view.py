"""The view of memory in a process, on the in-process bus."""

import threading
from pathlib import Path

import pytest

from handrail.errors import StaleView
from handrail.runtime.memory_quick import IN_PLACE_BYTES_MAX, OF_PEOPLE_COUNT_MAX, is_quick
from handrail.runtime.memory_view import Freshness, MemoryView, ViewSettings
from handrail.wire.memory import (
    FORGOTTEN_PREFIX,
    Command,
    Op,
    Positions,
    StoredRecord,
    full_key,
    space_topic,
)
from handrail.wire.record import Outgoing, Record
from tests.promises.ground import Ground
from tests.promises.memory_scribe import SPACES, TENANT, Scribe
from tests.promises.memory_view import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_view import view_of
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


@pytest.mark.parametrize(
    ("bytes_count", "opener_waits", "in_place"),
    [(10, False, True), (IN_PLACE_BYTES_MAX, False, False), (10, True, False)],
)
async def test_what_is_folded_in_no_time_does_not_wait_for_a_thread_and_all_else_does_not_hold_up(
    ground: Ground, tmp_path: Path, bytes_count: int, opener_waits: bool, in_place: bool
) -> None:
    threads: set[int] = set()

    def opener(stored: StoredRecord) -> StoredRecord:
        threads.add(threading.get_ident())
        return stored

    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        settings = {"opener": opener, "opener_waits": opener_waits}
        async with view_of(ground, bus, tmp_path, **settings) as view:
            wanted = await scribe.put("facts", "order/1", "x" * bytes_count, sealed=True)
            assert await view.get("facts", full_key(TENANT, "order/1"), wanted=wanted) is not None

    assert {one == threading.get_ident() for one in threads} == {in_place}


def test_records_about_people_are_few_that_are_folded_in_no_time() -> None:
    about = full_key(TENANT, "order/1", subject="d1").encode()
    one = Record("ns.memory.facts", 0, 0, 0, about, b"{}")
    other = Record("ns.memory.facts", 0, 0, 0, full_key(TENANT, "order/1").encode(), b"{}")

    assert is_quick([one] * OF_PEOPLE_COUNT_MAX + [other] * OF_PEOPLE_COUNT_MAX)
    assert not is_quick([one] * (OF_PEOPLE_COUNT_MAX + 1))


async def test_what_takes_longer_to_fill_than_a_start_waits_is_neither_believed_nor_in_the_way(
    ground: Ground, tmp_path: Path
) -> None:
    threads: set[int] = set()

    def opener(stored: StoredRecord) -> StoredRecord:
        threads.add(threading.get_ident())
        return stored

    settings = ViewSettings(ground.namespace, SPACES, tmp_path, opener, opener_waits=False)
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for number in range(5):
            await scribe.put("facts", f"order/{number}", "sealed", sealed=True)
        view = MemoryView(bus, settings)

        await view.start(within_s=0)
        behind = view.freshness
        with pytest.raises(StaleView) as stale:
            view.check_current()
        await view.until_current()

        assert behind is Freshness.BEHIND
        assert "it is being read" in str(stale.value)
        assert threads
        assert threading.get_ident() not in threads
        view.check_current()
        await view.close()


async def test_somebody_is_forgotten_beside_the_loop_however_little_says_so(
    ground: Ground, tmp_path: Path
) -> None:
    threads: set[int] = set()

    def opener(stored: StoredRecord) -> None:
        threads.add(threading.get_ident())

    full = full_key(TENANT, "order/1", subject="d1")
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "", "sealed", full=full, sealed=True)
        async with view_of(ground, bus, tmp_path, opener=opener, opener_waits=False) as view:
            threads.clear()
            topic = ground.topic(space_topic("facts"))
            said = Command(op=Op.FORGET, space="", key="d1", by="person:ada")
            key = FORGOTTEN_PREFIX + f"{TENANT}/~d1".encode()
            await bus.sender().send(Outgoing(topic, key, said.encode()))
            await until(lambda: threads)

            assert threading.get_ident() not in threads
            assert await view.history("facts", full, wanted=Positions({})) == []
