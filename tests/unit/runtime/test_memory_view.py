"""The view of memory in a process, on the in-process bus."""

import threading
from pathlib import Path

import pytest

from handrail.runtime.memory_follower import IN_PLACE_BYTES_MAX
from handrail.wire.memory import StoredRecord, full_key
from tests.promises.ground import Ground
from tests.promises.memory_scribe import TENANT, Scribe
from tests.promises.memory_view import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_view import view_of


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
            wanted = await scribe.put("facts", "order/1", {"text": "x" * bytes_count})
            assert await view.get("facts", full_key(TENANT, "order/1"), wanted=wanted) is not None

    assert {one == threading.get_ident() for one in threads} == {in_place}
