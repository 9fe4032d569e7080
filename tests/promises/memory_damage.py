"""What a view of memory promises when its file is damaged, on whatever bus `ground` stands on."""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from handrail.errors import StaleView
from handrail.memory.tables import LAYOUTS
from handrail.memory.versions import every_version
from handrail.runtime.memory_view import MemoryView
from handrail.store.sqlite import Database
from handrail.wire.memory import NOTHING_WRITTEN, StoredRecord, full_key
from tests.promises.ground import Ground
from tests.promises.memory_scribe import TENANT, Scribe
from tests.promises.memory_view import delete_view, view_of
from tests.waiting import until

FLIPS_COUNT = 20
KEYS = [f"order/{number}" for number in range(30)]

#: What a bit that flips in memory does, before the page and its checksum are written.
HARMS = {
    "a body": "UPDATE record SET stale = 1, body = CAST('{' || body AS BLOB)",
    "a version": "UPDATE version SET body = CAST('{' || body AS BLOB)",
    "a mark": "UPDATE taken SET body = CAST('{' || body AS BLOB)",
    "a place": """
        UPDATE record SET "key" = 'aside' WHERE "key" LIKE '%/order/7';
        UPDATE record SET "key" = replace("key", 'order/8', 'order/7') WHERE "key" LIKE '%/order/8';
        UPDATE record SET "key" = 'acme/-/order/8' WHERE "key" = 'aside';
    """,
}


async def remembered(scribe: Scribe) -> None:
    # As young as they are: views drop versions that a broker's history keeps no more.
    now_ms = time.time_ns() // 1_000_000
    for number, key in enumerate(KEYS):
        await scribe.put("facts", key, {"text": f"parcel {number}"}, written_ms=now_ms)
        await scribe.put("facts", key, {"text": f"parcel {number} is lost"}, written_ms=now_ms)


async def told(view: MemoryView) -> list[object] | None:
    """Give all that is remembered, by key, by search and by age; None while it is filled."""
    found: list[object] = []
    try:
        for key in KEYS:
            full = full_key(TENANT, key)
            found.append(await view.get("facts", full, wanted=NOTHING_WRITTEN))
            found.extend(await view.history("facts", full, wanted=NOTHING_WRITTEN))
        hits = await view.search("facts", f"{TENANT}/", "lost", 50, wanted=NOTHING_WRITTEN)
        found.extend(sorted((hit.record for hit in hits), key=repr))
    except StaleView:
        return None
    return found


async def told_in_the_end(view: MemoryView) -> list[object] | None:
    await until(lambda: told(view), what="an answer after the damage")
    return await told(view)


def flip(folder: Path, dice: random.Random) -> str:
    """Flip a bit of the file or of its log, in place, and say where."""
    files = [one for one in sorted(folder.glob("view-1.db*")) if not one.name.endswith("-shm")]
    sizes = [one.stat().st_size for one in files]
    (path,) = dice.choices(files, sizes)
    at, bit = dice.randrange(path.stat().st_size), dice.randrange(8)
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return f"bit {bit} of byte {at} of {path.name}"


def harm(path: Path, statement: str) -> None:
    database = Database.open(path, LAYOUTS, checks_pages=True)
    database.execute(statement)
    database.close()


async def test_a_process_that_comes_back_to_a_file_in_which_a_bit_flipped_says_what_topics_say(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await remembered(await Scribe.begin(ground, bus))
        async with view_of(ground, bus, tmp_path) as view:
            before = await told(view)
        for seed in range(FLIPS_COUNT):
            where = flip(tmp_path, random.Random(seed))
            async with view_of(ground, bus, tmp_path) as view:
                assert await told_in_the_end(view) == before, where


async def test_a_process_under_whose_eyes_a_bit_flips_goes_on_and_says_what_topics_say(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await remembered(scribe)
        async with view_of(ground, bus, tmp_path) as view:
            before = await told(view)
            for seed in range(FLIPS_COUNT):
                where = flip(tmp_path, random.Random(seed))
                await scribe.put("scratch", f"other/{seed}", {"seed": seed})
                assert await told_in_the_end(view) == before, where
            view.check_alive()


@pytest.mark.parametrize("harmed", HARMS)
async def test_what_was_damaged_before_it_was_written_is_filled_anew_while_the_process_runs(
    ground: Ground, tmp_path: Path, harmed: str
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await remembered(scribe)
        async with view_of(ground, bus, tmp_path) as view:
            before = await told(view)
            harm(view.file, HARMS[harmed])
            wanted = await scribe.put("scratch", "other", {"n": 1})
            await view.until_current()

            found = await view.of_file(versions)
            assert len([one for one in found if one.space == "facts"]) == 2 * len(KEYS)
            await until(lambda: view.holds(wanted))
            assert await told_in_the_end(view) == before


@pytest.mark.parametrize("harmed", HARMS)
async def test_what_was_damaged_before_it_was_written_is_filled_anew_when_a_process_comes_back(
    ground: Ground, tmp_path: Path, harmed: str
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await remembered(scribe)
        async with view_of(ground, bus, tmp_path) as view:
            before, path = await told(view), view.file
        harm(path, HARMS[harmed])

        async with view_of(ground, bus, tmp_path) as view:
            assert await told_in_the_end(view) == before


async def versions(path: Path) -> Sequence[StoredRecord]:
    return await asyncio.to_thread(every_version, path)


async def test_a_snapshot_of_what_was_damaged_before_is_given_up_for_the_topics(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await remembered(await Scribe.begin(ground, bus))
        async with view_of(ground, bus, tmp_path) as view:
            before, path = await told(view), view.file
        harm(path, HARMS["a version"])
        async with view_of(ground, bus, tmp_path, saved_from=0):
            await until(lambda: list((tmp_path / "snapshots").glob("*.json")))
        delete_view(tmp_path)

        async with view_of(ground, bus, tmp_path) as view:
            assert await told_in_the_end(view) == before
        assert not list((tmp_path / "snapshots").glob("*.json"))
