"""What forgetting does when something is in its way, on whatever bus `ground` stands on."""

from pathlib import Path

import pytest

from handrail.errors.subject import KeeperRefused, SubjectHeld
from handrail.memory.tables import LAYOUTS
from handrail.runtime.memory_acts import OnMemory
from handrail.store.sqlite import Database
from tests.promises.ground import Ground
from tests.promises.memory_acts import ADA, TENANT, acts, on_memory, put, read


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


def unknown_to_the_view(memory: OnMemory) -> None:
    """Leave the view as it is before the keeper's word has come to it."""
    database = Database.open(memory.view.file, LAYOUTS)
    database.execute("DELETE FROM hold")
    database.close()
