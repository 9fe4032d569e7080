"""What forgetting does when something is in its way, on whatever bus `ground` stands on."""

import shutil
from pathlib import Path

import pytest

from handrail.errors.subject import KeeperRefused, SubjectHeld
from handrail.memory.listing import Within
from handrail.memory.sealing import sealed
from handrail.memory.snapshot import take_snapshot
from handrail.memory.tables import LAYOUTS
from handrail.runtime.keeper_book import FORGOTTEN_COUNT_MAX
from handrail.runtime.memory_acts import OnMemory
from handrail.store.sqlite import Database
from handrail.wire.memory import NOTHING_WRITTEN, Command, Op, full_key
from tests.captured_lines import captured_lines
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.memory_acts import (
    ADA,
    CANARY,
    SPACES,
    TASTES,
    TENANT,
    acts,
    on_memory,
    put,
    read,
    with_keeper,
)
from tests.waiting import until


def ada(memory: OnMemory) -> str:
    return memory.keys.digest(TENANT, ADA)


async def test_a_hold_that_only_the_keeper_knows_keeps_a_person_from_being_forgotten(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA)
        await acts(memory, "case 7").hold(ADA)
        memory.keys.release(ada(memory))  # as a file of keys from before the hold has it

        with pytest.raises(SubjectHeld) as refusal:
            await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")

        assert (refusal.value.by, refusal.value.why) == ("person:eve", "case 7")
        assert await read(memory, "tastes", "drink", about=ADA) == {"text": "tea"}
        assert await acts(memory).release(ADA)
        assert not await acts(memory).release(ADA)
        await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")
        assert await read(memory, "tastes", "drink", about=ADA) is None


async def test_what_the_keeper_refuses_is_no_forgetting_and_has_no_receipt(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA)
        await acts(memory, "case 7").hold(ADA)
        memory.keys.release(ada(memory))
        unknown_to_the_view(memory)

        with pytest.raises(KeeperRefused) as refusal:
            await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")

        assert "legal hold" in str(refusal.value)
        assert "the records are not removed" in str(refusal.value)
        assert not [
            one for one in await ground.records(bus, "ledger") if b"key_destroyed" in one.value
        ]
        again = await acts(memory).forgetting(ADA)
        assert again.own == {"tastes": 1}


async def test_what_was_sealed_before_a_person_was_forgotten_is_refused_and_jams_no_key(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        async with on_memory(ground, bus, tmp_path) as memory:
            await put(memory, "tastes", "k", {"text": "tea"}, about=ADA)
            late, later = (sealed(drink(memory, "of before"), memory.keys) for _ in range(2))
            await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")

            _, refused = await acts(memory).put(late)
            _, new = await acts(memory).put(sealed(drink(memory, "cocoa"), memory.keys))

            assert refused.sentence == (
                "it was sealed before its subject was forgotten, and nobody can open it any more"
            )
            assert new.sentence is None
            assert await read(memory, "tastes", "drink", about=ADA) == {"text": "cocoa"}
        async with with_keeper(ground, bus, tmp_path) as memory:
            _, again = await acts(memory).put(later)

            assert again.sentence == refused.sentence
            assert await read(memory, "tastes", "drink", about=ADA) == {"text": "cocoa"}


def drink(memory: OnMemory, text: str, key: str = "drink") -> Command:
    return Command(
        op=Op.PUT,
        space="tastes",
        key=full_key(TENANT, key, subject=ada(memory)),
        by="person:clerk",
        type_name=TASTES.type_name,
        value={"text": text},
        expect=0,
    )


async def test_a_forgetting_that_was_broken_off_names_the_key_that_it_had_destroyed(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "k", {"text": "tea"}, about=ADA)
        late = sealed(drink(memory, "of before"), memory.keys)
        memory.keys.destroy(ada(memory))  # and there the process was killed
        await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")

        _, refused = await acts(memory).put(late)

        assert refused.sentence is not None
        assert "forgotten" in refused.sentence


async def test_forgetting_somebody_of_whom_a_record_was_removed_before_leaves_views_as_they_are(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "k", {"text": "tea"}, about=ADA)
        await put(memory, "tastes", "old", {"text": "milk"}, about=ADA)
        full = full_key(TENANT, "old", subject=ada(memory))
        old = await memory.view.get("tastes", full, wanted=NOTHING_WRITTEN)
        assert old is not None
        await acts(memory).remove(old)
        file = memory.view.file.stat().st_ino

        with captured_lines() as logs:
            receipt = await acts(memory).forget(
                ADA, await acts(memory).forgetting(ADA), tmp_path / "views"
            )

        assert (receipt.records, receipt.versions) == (1, 2)
        assert memory.view.file.stat().st_ino == file
        assert "view deleted, since nobody clears it" not in [line["event"] for line in logs]
        assert (await acts(memory).forgetting(ADA)).is_empty


async def test_a_forgotten_person_is_in_no_snapshot_though_their_space_is_declared_no_more(
    ground: Ground, tmp_path: Path
) -> None:
    views = tmp_path / "views"
    async with ground.bus() as bus:
        async with on_memory(ground, bus, tmp_path) as memory:
            await put(memory, "tastes", "k", {"text": f"likes {CANARY}"}, about=ADA)
            of_before = take_snapshot(memory.view.file, tmp_path / "aside", ground.namespace)
        fewer = {name: space for name, space in SPACES.items() if name != "tastes"}
        async with with_keeper(ground, bus, tmp_path, fewer) as memory:
            await until(lambda: files_with(views, CANARY) == [])
            put_back(of_before, views / "snapshots")  # as by a process that is gone
            assert files_with(views, CANARY) == ["snapshot-1.db"]

            receipt = await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), views)

            assert receipt.records == 1
            assert files_with(views, CANARY) == []


async def test_the_words_of_a_space_that_is_declared_no_more_leave_views_and_snapshots(
    ground: Ground, tmp_path: Path
) -> None:
    views = tmp_path / "views"
    async with ground.bus() as bus:
        async with on_memory(ground, bus, tmp_path) as memory:
            await put(memory, "tastes", "k", {"text": f"likes {CANARY}"}, about=ADA)
            take_snapshot(memory.view.file, views / "snapshots", ground.namespace)
        before = files_with(views, CANARY)
        fewer = {name: space for name, space in SPACES.items() if name != "tastes"}

        async with with_keeper(ground, bus, tmp_path, fewer):
            assert "snapshot-1.db" in before
            await until(lambda: files_with(views, CANARY) == [])


async def test_a_hold_that_ended_while_a_space_was_not_declared_does_not_come_back_with_it(
    ground: Ground, tmp_path: Path
) -> None:
    fewer = {name: space for name, space in SPACES.items() if name != "tastes"}
    async with ground.bus() as bus:
        async with on_memory(ground, bus, tmp_path) as memory:
            await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA)
            await acts(memory, "case 7").hold(ADA)
        async with with_keeper(ground, bus, tmp_path, fewer) as memory:
            assert await acts(memory).release(ADA)
        async with with_keeper(ground, bus, tmp_path) as memory:
            receipt = await acts(memory).forget(
                ADA, await acts(memory).forgetting(ADA), tmp_path / "views"
            )

            assert receipt.records == 1
            assert await read(memory, "tastes", "drink", about=ADA) is None


async def test_a_space_that_is_declared_no_more_may_be_deleted_while_the_keeper_runs(
    ground: Ground, tmp_path: Path
) -> None:
    fewer = {name: space for name, space in SPACES.items() if name != "tastes"}
    async with ground.bus() as bus:
        async with on_memory(ground, bus, tmp_path):
            pass
        async with with_keeper(ground, bus, tmp_path, fewer) as memory:
            await ground.delete(bus, "memory.tastes")

            await acts(memory, "case 7").hold(ADA)
            assert await acts(memory).release(ADA)


async def test_what_is_said_of_a_person_is_not_written_to_topics_of_a_namespace_below_ours(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await ground.prepare(bus, compacted=["memory.theirs.results"])
        async with on_memory(ground, bus, tmp_path) as memory:
            await acts(memory, "case 7").hold(ADA)

        assert await ground.records(bus, "memory.theirs.results") == []


async def test_a_person_with_more_records_than_one_transaction_removes_is_gone_once_that_is_said(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        count = PARTITIONS * (FORGOTTEN_COUNT_MAX + 100)  # whichever partitions they fall into
        puts = [sealed(drink(memory, "tea", f"k/{n}"), memory.keys) for n in range(count)]
        sent = await memory.sender.send(puts, memory.now_ms)
        await memory.view.wait_for(sent.positions, within_s=60)
        assert await memory.view.count("tastes", Within(TENANT)) == count
        plan = await acts(memory).forgetting(ADA)

        receipt = await acts(memory).forget(ADA, plan, tmp_path / "views")

        assert receipt.records == count
        assert await memory.view.count("tastes", Within(TENANT)) == 0
        removed = [
            record.key
            for record in await ground.records(bus, "memory.tastes")
            if record.key is not None
            and record.key.startswith(TENANT.encode())
            and record.value is None
        ]
        assert len(removed) == count


def put_back(snapshot: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in (snapshot, snapshot.with_suffix(".json")):
        shutil.copy(path, folder)


def files_with(folder: Path, word: str) -> list[str]:
    """Give the files that hold a word; an index leaves out how the one before it begins."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in found if word[2:-1].encode() in path.read_bytes())


def unknown_to_the_view(memory: OnMemory) -> None:
    """Leave the view as it is before the keeper's word has come to it."""
    database = Database.open(memory.view.file, LAYOUTS)
    database.execute("DELETE FROM hold")
    database.close()
