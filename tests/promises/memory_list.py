"""What the list of a space promises, on whatever bus `ground` stands on."""

from pathlib import Path
from typing import Any

from handrail.contract.memory import DAY_S, Access, Memory, MemoryClass, PersonalData
from handrail.memory.listing import PAGE_COUNT, Counts, Listed, States, Within, counted, listed
from handrail.runtime.memory_view import MemoryView
from handrail.testing.clock import VirtualClock
from handrail.wire.memory import full_key
from tests.promises.ground import Ground
from tests.promises.memory_scribe import TENANT, Scribe
from tests.promises.memory_view import NOW_MS, view_of

HALF_A_YEAR_MS = round(180 * DAY_S * 1000)
TASTES = Memory("facts", carries=str, keeps=MemoryClass.PREFERENCE)
FACTS = Memory("facts", carries=str, keeps=MemoryClass.FACT)
OF_PEOPLE = Memory(
    "facts",
    carries=str,
    keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT),
)


async def all_states(scribe: Scribe) -> None:
    """Write a record of each state, and what belongs to others or is gone."""
    old = {"written_ms": NOW_MS - HALF_A_YEAR_MS - 1}
    await scribe.put("facts", "at/once", "x", written_ms=NOW_MS - HALF_A_YEAR_MS)
    await scribe.put("facts", "at/last", "x", **old)
    await scribe.put("facts", "hidden", "x", quarantined=True, written_ms=NOW_MS)
    await scribe.put("facts", "marked", "x", flagged="m-1", written_ms=NOW_MS)
    await scribe.put("facts", "worst", "x", quarantined=True, flagged="m-1", **old)
    await scribe.put("facts", "expired", "x", expires_ms=NOW_MS, **old)
    await scribe.put("facts", "expired/hidden", "x", quarantined=True, expires_ms=NOW_MS)
    await scribe.put("facts", "until", "x", expires_ms=NOW_MS + 1, written_ms=NOW_MS)
    await scribe.put("facts", "renewed", "x", **old)
    await scribe.put("facts", "renewed", "x", written_ms=NOW_MS)
    await scribe.put("facts", "gone", "x", **old)
    await scribe.remove("facts", "gone")
    await scribe.put("facts", "others", "x", full=full_key("acm", "others"), **old)
    await scribe.put("facts", "others", "x", full=full_key("acme2", "others"), **old)
    await scribe.put("scratch", "elsewhere", "x", **old)


async def found(
    view: MemoryView, space: Memory[Any], within: Within, states: States
) -> list[Listed]:
    return [one async for one in listed(view, space, within, states, NOW_MS)]


async def keys(
    view: MemoryView, states: States, space: Memory[Any] = TASTES, **more: Any
) -> list[str]:
    within = Within(TENANT, only_marked=states.only_marked, **more)
    return [one.record.key.split("/", 2)[2] for one in await found(view, space, within, states)]


async def test_each_state_lists_its_records_and_no_others_and_nothing_that_has_expired(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await all_states(await Scribe.begin(ground, bus))
        async with view_of(ground, bus, tmp_path, clock=VirtualClock(NOW_MS)) as view:
            all_of_it = ["at/last", "at/once", "hidden", "marked", "renewed", "until", "worst"]
            assert await keys(view, States()) == all_of_it
            assert await keys(view, States(due=True)) == ["at/last", "worst"]
            assert await keys(view, States(quarantined=True)) == ["hidden", "worst"]
            assert await keys(view, States(flagged=True)) == ["marked", "worst"]
            both = States(due=True, quarantined=True)
            assert await keys(view, both) == ["at/last", "hidden", "worst"]
            assert await keys(view, States(), begins="at/") == ["at/last", "at/once"]
            assert await keys(view, States(due=True), FACTS) == [], "facts want no look"

            assert await counted(view, TASTES, TENANT, NOW_MS) == Counts(7, 2, 2, 2)
            assert await counted(view, FACTS, TENANT, NOW_MS) == Counts(7, 0, 2, 2)


async def test_what_is_about_people_is_listed_by_digests_and_for_one_of_them_alone(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for digest, key in (("d1", "drink"), ("d1", "seat"), ("d10", "drink"), ("d2", "drink")):
            full = full_key(TENANT, key, subject=digest)
            await scribe.put("facts", key, "sealed", full=full, sealed=True)
        async with view_of(ground, bus, tmp_path, clock=VirtualClock(NOW_MS)) as view:
            everybody = ["drink", "seat", "drink", "drink"]
            assert await keys(view, States(), OF_PEOPLE) == everybody
            assert await keys(view, States(), OF_PEOPLE, subject="d1") == ["drink", "seat"]
            assert await keys(view, States(), OF_PEOPLE, subject="d1", begins="se") == ["seat"]


async def test_a_list_of_many_pages_holds_each_record_once(ground: Ground, tmp_path: Path) -> None:
    wanted = [f"order/{number:04}" for number in range(PAGE_COUNT + 1)]
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for key in wanted:
            await scribe.put("facts", key, "x")
        async with view_of(ground, bus, tmp_path, clock=VirtualClock(NOW_MS)) as view:
            assert await keys(view, States(due=True)) == wanted
