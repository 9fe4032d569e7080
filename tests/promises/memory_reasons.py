"""What people may rely on that gave a reason: whoever looks later finds it, on whatever bus."""

from pathlib import Path

from handrail.bus.port import Bus
from handrail.ledger.event_record import decode
from handrail.ledger.memory_event import MemoryWritten
from handrail.memory.sealing import sealed
from handrail.runtime.memory_acts import OnMemory
from handrail.testing.accounting import read_all
from handrail.wire.memory import NOTHING_WRITTEN, Command, Op, StoredRecord, full_key
from tests.promises.ground import Ground
from tests.promises.memory_acts import ADA, TASTES, TENANT, acts, on_memory

WHY = "approved in case 7"


async def told(ground: Ground, bus: Bus) -> set[tuple[str, str]]:
    """Give the operations that the ledger tells of, each with its reason."""
    events = [decode(record) for record in await read_all(bus, ground.topic("ledger"))]
    return {(one.op, one.reason) for one in events if isinstance(one, MemoryWritten)}


async def versions(memory: OnMemory, key: str) -> list[StoredRecord]:
    return list(await memory.view.history("tastes", key, wanted=NOTHING_WRITTEN, person=True))


async def test_why_a_person_has_written_endorsed_held_released_and_removed_is_kept(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        eve = acts(memory)
        key = full_key(TENANT, "drink", subject=memory.keys.digest(TENANT, ADA))
        wanted = {
            "put": {"type_name": TASTES.type_name, "value": {"text": "tea"}, "expect": 0},
            "endorse": {"expect": 1},
        }
        for op, facts in wanted.items():
            why = f"{WHY}, {op}"
            command = Command(
                op=Op(op), space="tastes", key=key, by="person:eve", reason=why, **facts
            )
            _, done = await eve.put(sealed(command, memory.keys) if op == "put" else command)
            assert done.sentence is None
        await acts(memory, f"{WHY}, hold").hold(ADA)
        await acts(memory, f"{WHY}, release").release(ADA)
        present = (await versions(memory, key))[-1]
        await acts(memory, f"{WHY}, remove").remove(present)

        kept = await versions(memory, key)
        assert [one.reason for one in kept] == [
            f"{WHY}, {op}" for op in ("put", "endorse", "remove")
        ]
        ops = ("put", "endorse", "hold", "release", "remove")
        assert await told(ground, bus) == {(op, f"{WHY}, {op}") for op in ops}


async def test_why_a_person_has_taken_back_is_kept(ground: Ground, tmp_path: Path) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        key = full_key(TENANT, "drink", subject=memory.keys.digest(TENANT, ADA))
        for number, text in enumerate(("tea", "milk")):
            command = Command(
                op=Op.PUT,
                space="tastes",
                key=key,
                by="person:bob",
                type_name=TASTES.type_name,
                value={"text": text},
                expect=number,
                derived_from=("bad",) if text == "milk" else (),
            )
            await acts(memory).put(sealed(command, memory.keys))

        await acts(memory, WHY).carry_out((await acts(memory, WHY).retracting(["bad"])).changes)

        assert [one.reason for one in await versions(memory, key)] == ["", "", WHY]
