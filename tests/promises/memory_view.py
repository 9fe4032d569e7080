"""What the view of memory in a process promises, on whatever bus `ground` stands on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail.bus.port import Bus
from handrail.contract.memory_reader import AsOf
from handrail.errors import StaleView
from handrail.memory.tables import LAYOUTS
from handrail.runtime.memory_view import Freshness, MemoryView, ViewSettings
from handrail.store.sqlite import Database
from handrail.testing.clock import VirtualClock
from handrail.wire.memory import HISTORY, NOTHING_WRITTEN, Positions, StoredRecord, full_key
from tests.captured_lines import captured_lines
from tests.promises.ground import Ground
from tests.promises.memory_scribe import SPACES, TENANT, Scribe
from tests.waiting import until

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS


@asynccontextmanager
async def view_of(
    ground: Ground, bus: Bus, folder: Path, **settings: Any
) -> AsyncGenerator[MemoryView]:
    view = MemoryView(bus, ViewSettings(ground.namespace, SPACES, folder, **settings))
    try:
        await view.start()
        yield view
    finally:
        await view.close()


async def values_of(view: MemoryView, *keys: str) -> list[object]:
    found = [await view.get("facts", full_key(TENANT, key), wanted=NOTHING_WRITTEN) for key in keys]
    return [None if stored is None else stored.value for stored in found]


async def told_again(view: MemoryView, *keys: str) -> list[object] | None:
    """Give the values once the view answers: None while it is being filled."""
    try:
        return await values_of(view, *keys)
    except StaleView:
        return None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.db"))


def delete_view(folder: Path) -> None:
    for path in folder.glob("view-1.db*"):
        path.unlink()


def flip_a_bit_of_the_snapshot(folder: Path) -> Path:
    (snapshot,) = (folder / "snapshots").glob("*.db")
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    return snapshot


def damage(path: Path) -> None:
    """Write over everything in a file but its beginning, in place."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * (path.stat().st_size - 4096))


async def test_what_was_written_before_a_position_is_read_at_that_position(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"text": "was there before"})
        async with view_of(ground, bus, tmp_path) as view:
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
        async with view_of(ground, bus, tmp_path) as view:
            await scribe.put("facts", "order/1", {"n": 1})
            wanted = await scribe.refuse("scratch", "order/1")

            assert await view.get("facts", full_key(TENANT, "order/1"), wanted=wanted) is not None


async def test_what_has_not_come_in_time_is_said_to_be_stale(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        async with view_of(ground, bus, tmp_path) as view:
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
        async with view_of(ground, bus, tmp_path) as view:
            found = await view.search("facts", f"{TENANT}/", "damages to parcels", 5, wanted=wanted)

            assert [hit.record.key for hit in found][:1] == [full_key(TENANT, "order/1")]
            assert all(hit.record.space == "facts" for hit in found)
            assert full not in [hit.record.key for hit in found]


async def test_every_version_is_kept_and_read_as_of_a_number_or_a_time(
    ground: Ground, tmp_path: Path
) -> None:
    key = full_key(TENANT, "order/1")
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for number in range(1, 4):
            await scribe.put("facts", "order/1", {"n": number}, written_ms=number * 1000)
        wanted = await scribe.remove("facts", "order/1", written_ms=9000)
        async with view_of(ground, bus, tmp_path, clock=VirtualClock(10_000)) as view:

            async def as_of(**when: int) -> object:
                found = await view.get("facts", key, wanted=wanted, as_of=AsOf(**when))
                return found and found.value

            assert [await as_of(version=n) for n in (1, 2, 3, 4, 5)] == [
                {"n": 1},
                {"n": 2},
                {"n": 3},
                None,
                None,
            ]
            assert [await as_of(at_ms=at) for at in (999, 1000, 2500)] == [None, {"n": 1}, {"n": 2}]
            assert await as_of() is None
            versions = await view.history("facts", key, wanted=wanted)
            assert [stored.value for stored in versions] == [{"n": 1}, {"n": 2}, {"n": 3}]
            seen_by_people = await view.history("facts", key, wanted=wanted, person=True)
            assert [stored.removed for stored in seen_by_people] == [False, False, False, True]


async def test_an_old_file_holds_no_version_that_the_history_keeps_no_more(
    ground: Ground, tmp_path: Path
) -> None:
    clock = VirtualClock(NOW_MS)
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await keep_history(ground, bus, for_ms=HOUR_MS)
        await scribe.put("facts", "order/1", {"n": 1}, written_ms=NOW_MS - HOUR_MS - 1)
        await scribe.put("facts", "order/1", {"n": 2}, written_ms=NOW_MS - HOUR_MS)
        async with view_of(ground, bus, tmp_path, clock=clock) as view:
            new = await numbers_of(view, "order/1")
        clock.move_to(NOW_MS + 1)

        async with view_of(ground, bus, tmp_path, clock=clock) as view:
            assert (new, await numbers_of(view, "order/1")) == ([2], [])
            assert await values_of(view, "order/1") == [{"n": 2}]


async def keep_history(ground: Ground, bus: Bus, *, for_ms: int) -> None:
    history, wanted = ground.topic(HISTORY), {"retention.ms": str(for_ms)}
    await bus.admin.alter_settings(history, wanted)

    async def is_told() -> bool:  # a broker that is asked may have heard of it a moment later
        return wanted.items() <= (await bus.admin.topic_settings([history]))[history].items()

    await until(is_told)


async def numbers_of(view: MemoryView, key: str) -> list[int]:
    full = full_key(TENANT, key)
    found = await view.history("facts", full, wanted=NOTHING_WRITTEN, person=True)
    return [stored.version for stored in found]


async def test_a_process_that_comes_back_reads_on_from_its_file(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        await scribe.put("facts", "order/2", {"n": 1})
        async with view_of(ground, bus, tmp_path) as view:
            assert await values_of(view, "order/1") == [{"n": 1}]
        await scribe.put("facts", "order/1", {"n": 2})
        await scribe.remove("facts", "order/2")

        async with view_of(ground, bus, tmp_path) as view:
            assert await values_of(view, "order/1", "order/2") == [{"n": 2}, None]
        assert names(tmp_path) == ["view-1.db"]


async def test_two_processes_have_a_file_each(ground: Ground, tmp_path: Path) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        wanted = await scribe.put("facts", "order/1", {"n": 1})
        async with view_of(ground, bus, tmp_path) as one, view_of(ground, bus, tmp_path) as two:
            for view in (one, two):
                found = await view.get("facts", full_key(TENANT, "order/1"), wanted=wanted)
                assert found is not None
        assert names(tmp_path) == ["view-1.db", "view-2.db"]


async def test_a_file_that_is_damaged_under_a_running_process_is_filled_anew(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for number in range(300):
            await scribe.put("facts", f"order/{number}", {"text": f"{number} " * 40})
        async with view_of(ground, bus, tmp_path) as view:
            before = await values_of(view, "order/7", "order/299")
            damage(tmp_path / "view-1.db")
            (tmp_path / "view-1.db-wal").write_bytes(b"")
            await scribe.put("facts", "order/7", {"text": "newer"})

            await until(lambda: told_again(view, "order/7"), what="an answer after the damage")
            await until_equal(view, ["order/7", "order/299"], [{"text": "newer"}, before[1]])


async def test_a_file_that_is_deleted_under_a_running_process_is_filled_anew(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        async with view_of(ground, bus, tmp_path) as view:
            delete_view(tmp_path)
            await scribe.put("facts", "order/2", {"n": 2})

            await until_equal(view, ["order/1", "order/2"], [{"n": 1}, {"n": 2}])
            await until(lambda: (tmp_path / "view-1.db").exists())


async def test_a_file_that_is_older_than_deletions_are_told_of_is_read_from_the_beginning(
    ground: Ground, tmp_path: Path
) -> None:
    clock = VirtualClock(NOW_MS)
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        async with view_of(ground, bus, tmp_path, clock=clock) as view:
            assert await values_of(view, "order/1") == [{"n": 1}]
        # As if the tombstone had come and gone: the topic says nothing of the record any more.
        database = Database.open(tmp_path / "view-1.db", LAYOUTS)
        database.execute("UPDATE record SET \"key\" = 'acme/-/order/gone'")
        database.close()
        clock.move_to(NOW_MS + WEEK_MS)

        async with view_of(ground, bus, tmp_path, clock=clock) as view:
            assert await values_of(view, "order/gone", "order/1") == [None, {"n": 1}]


async def test_topics_that_were_made_anew_are_noticed(ground: Ground, tmp_path: Path) -> None:
    other = replace(ground, namespace=f"{ground.namespace}b")
    async with ground.bus() as bus:
        scribe, others = await Scribe.begin(ground, bus), await Scribe.begin(other, bus)
        await scribe.put("facts", "order/1", {"n": 1})
        await others.put("facts", "order/2", {"n": 2})
        async with view_of(ground, bus, tmp_path):
            pass

        async with view_of(other, bus, tmp_path) as view:
            assert await values_of(view, "order/1", "order/2") == [None, {"n": 2}]


async def test_a_new_process_starts_from_a_snapshot_and_reads_the_rest(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for number in range(20):
            await scribe.put("facts", f"order/{number}", {"n": number})
        async with view_of(ground, bus, tmp_path, saved_from=1):
            await until(lambda: list((tmp_path / "snapshots").glob("*.json")))
        delete_view(tmp_path)
        await scribe.put("facts", "order/3", {"n": 33})

        with captured_lines() as logs:
            async with view_of(ground, bus, tmp_path) as view:
                assert await values_of(view, "order/3", "order/19") == [{"n": 33}, {"n": 19}]

        assert "view of memory begins with a snapshot" in [line["event"] for line in logs]


async def test_a_snapshot_with_one_flipped_bit_is_passed_over_and_the_topics_are_read(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        for number in range(20):
            await scribe.put("facts", f"order/{number}", {"n": number})
        async with view_of(ground, bus, tmp_path, saved_from=1):
            await until(lambda: list((tmp_path / "snapshots").glob("*.json")))
        delete_view(tmp_path)
        snapshot = flip_a_bit_of_the_snapshot(tmp_path)

        with captured_lines() as logs:
            async with view_of(ground, bus, tmp_path) as view:
                assert await values_of(view, "order/3", "order/19") == [{"n": 3}, {"n": 19}]

        told = [line["event"] for line in logs]
        assert "snapshot of memory passed over" in told
        assert "view of memory begins with a snapshot" not in told
        assert not snapshot.exists()


async def until_equal(view: MemoryView, keys: list[str], wanted: list[object]) -> None:
    async def equal() -> bool:
        return await told_again(view, *keys) == wanted

    await until(equal, what=f"{wanted}")


async def test_what_is_forgotten_is_taken_out_of_every_file_while_the_process_runs(
    ground: Ground, tmp_path: Path
) -> None:
    keys = {"sealed-1": {"text": "lives in quxotlisk street"}}
    full = full_key(TENANT, "profile", subject="d1g3st")

    def opener(record: StoredRecord) -> StoredRecord | None:
        clear = keys.get(str(record.value)) if record.sealed else record.value
        return None if clear is None else replace(record, value=clear, sealed=False)

    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        wanted = await scribe.put("facts", "", "sealed-1", full=full, sealed=True)
        async with view_of(ground, bus, tmp_path, saved_from=1, opener=opener) as view:
            hits = await view.search("facts", f"{TENANT}/", "quxotlisk", 5, wanted=wanted)
            await until(lambda: list((tmp_path / "snapshots").glob("*.json")))
            before = files_with(tmp_path, b"uxotlis")

            keys.clear()
            wanted = await scribe.remove("facts", "", full=full)

            assert [hit.record.value for hit in hits] == ["sealed-1"]
            assert len(before) > 1
            assert await view.get("facts", full, wanted=wanted) is None
            await until(lambda: files_with(tmp_path, b"uxotlis") == [])


async def test_what_is_forgotten_while_somebody_reads_is_taken_out_once_they_have_gone(
    ground: Ground, tmp_path: Path
) -> None:
    keys = {"sealed-1": {"text": "lives in quxotlisk street"}}
    full = full_key(TENANT, "profile", subject="d1g3st")

    def opener(record: StoredRecord) -> StoredRecord | None:
        clear = keys.get(str(record.value)) if record.sealed else record.value
        return None if clear is None else replace(record, value=clear, sealed=False)

    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        written = await scribe.put("facts", "", "sealed-1", full=full, sealed=True)
        async with view_of(ground, bus, tmp_path, opener=opener) as view:
            await view.wait_for(written, within_s=10)
            reader = Database.open(view.file, LAYOUTS)
            reader.execute("BEGIN")
            reader.rows("SELECT count(*) FROM record")
            with captured_lines() as logs:
                keys.clear()
                wanted = await scribe.remove("facts", "", full=full)
                await view.wait_for(wanted, within_s=10)
                await until(lambda: [line for line in logs if "nobody reads" in line["event"]])
            left = files_with(tmp_path, b"uxotlis")
            reader.close()

            assert left == ["view-1.db-wal"]
            await until(lambda: files_with(tmp_path, b"uxotlis") == [])


def files_with(folder: Path, word: bytes) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and word in p.read_bytes()]
