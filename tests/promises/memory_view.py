"""What the view of memory in a process promises, on whatever bus `ground` stands on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from handrail.bus.port import Bus
from handrail.errors import StaleView
from handrail.runtime.memory_view import Freshness, MemoryView, ViewSettings
from handrail.wire.memory import Positions, full_key
from tests.promises.ground import Ground
from tests.promises.memory_scribe import SPACES, TENANT, Scribe


@asynccontextmanager
async def view_of(ground: Ground, bus: Bus, path: Path) -> AsyncGenerator[MemoryView]:
    view = MemoryView(bus, ViewSettings(ground.namespace, SPACES, path))
    try:
        await view.start()
        yield view
    finally:
        await view.close()


async def test_what_was_written_before_a_position_is_read_at_that_position(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"text": "was there before"})
        async with view_of(ground, bus, tmp_path / "v.db") as view:
            for number in range(20):
                space = SPACES[number % 2]
                wanted = await scribe.put(space, f"order/{number}", {"number": number})
                found = await view.get(space, full_key(TENANT, f"order/{number}"), wanted=wanted)

                assert found is not None
                assert found.value == {"number": number}
            assert view.freshness is Freshness.CURRENT


async def test_a_position_that_only_a_refusal_has_moved_is_passed_too(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        async with view_of(ground, bus, tmp_path / "v.db") as view:
            await scribe.put("facts", "order/1", {"n": 1})
            wanted = await scribe.refuse("scratch", "order/1")

            assert await view.get("facts", full_key(TENANT, "order/1"), wanted=wanted) is not None


async def test_what_has_not_come_in_time_is_said_to_be_stale(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        async with view_of(ground, bus, tmp_path / "v.db") as view:
            with pytest.raises(StaleView) as stale:
                await view.get("facts", "any", wanted=Positions({1: 999}))

            assert "999 is needed" in str(stale.value)


async def test_a_search_gives_matches_of_the_tenant_and_the_spaces_that_were_asked_for(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"text": "the parcel was damaged in transit"})
        await scribe.put("facts", "order/2", {"text": "the invoice was paid"})
        await scribe.put("scratch", "note", {"text": "a damaged parcel of another space"})
        full = full_key("others", "order/9")
        wanted = await scribe.put("facts", "", {"text": "damaged parcel of others"}, full=full)
        async with view_of(ground, bus, tmp_path / "v.db") as view:
            found = await view.search("facts", f"{TENANT}/", "damages to parcels", 5, wanted=wanted)

            assert [hit.record.key for hit in found][:1] == [full_key(TENANT, "order/1")]
            assert all(hit.record.space == "facts" for hit in found)
            assert full not in [hit.record.key for hit in found]
