"""Undo gives back what was there before, whatever a task has done to it, at the real keeper."""

import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from handrail.bus.port import Bus
from handrail.contract.memory import Memory, MemoryClass
from handrail.runtime.clock import WallClock
from handrail.runtime.memory_acts import MemoryActs, OnMemory, Person
from handrail.runtime.memory_commands import CommandSender
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.store.subject_keys import LocalKeys
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import (
    COMMAND_TYPE,
    COMMANDS,
    HISTORY,
    NOTHING_WRITTEN,
    Command,
    Op,
    Positions,
    StoredRecord,
    full_key,
)
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.memory_askers import keeping

TENANT = "acme"
HISTORIES = 500
SPACES: Mapping[str, Memory[Any]] = {
    "texts": Memory("texts", carries=str, keeps=MemoryClass.FACT),
    "tallies": Memory("tallies", carries=int, keeps=MemoryClass.FACT),
    "lists": Memory("lists", carries=list, keeps=MemoryClass.FACT),
    "counts": Memory("counts", carries=int, keeps=MemoryClass.FACT, ttl_s=10 * 86_400),
}
Place = tuple[str, str]


@asynccontextmanager
async def on_memory(ground: Ground, bus: Bus, folder: Path) -> AsyncGenerator[OnMemory]:
    await ground.prepare(
        bus, COMMANDS, HISTORY, "ledger", compacted=[one.topic for one in SPACES.values()]
    )
    keys = LocalKeys(folder / "keys.sqlite")
    view = MemoryView(bus, ViewSettings(ground.namespace, list(SPACES), folder / "views"))
    async with keeping(bus, ground, spaces=SPACES):
        try:
            await view.start()
            sender = CommandSender(bus, ground.namespace, TENANT)
            yield OnMemory(bus, sender, SPACES, keys, view, WallClock().now_ms())
        finally:
            await view.close()
            keys.close()


def what_it_does(
    choice: random.Random, place: Place, there: StoredRecord | None
) -> tuple[Command, str | None]:
    """Draw a write that fits what is there, and where it comes from."""
    space, key = place
    if there is not None and choice.random() < 0.15:
        gone = Command(op=Op.REMOVE, space=space, key=key, by="person:bob", expect=there.version)
        return gone, None
    number = choice.randrange(1000)
    op, value = {
        "texts": (Op.PUT, f"text {number}"),
        "tallies": (Op.INCREMENT, number),
        "counts": (Op.INCREMENT, number),
        "lists": (choice.choice((Op.APPEND, Op.ADD)), number),
    }[space]
    hidden = there is None or there.quarantined
    facts: dict[str, Any] = {"confidence": choice.choice((None, 0.5))}
    if op is Op.PUT:
        facts["expect"] = 0 if hidden or there is None else there.version
    command = Command(op=op, space=space, key=key, by="clerk", value=value, **facts)
    return command, "untrusted" if choice.random() < 0.2 else None


class Writing:
    """Writes for tasks, and reads what a person sees."""

    def __init__(self, ground: Ground, memory: OnMemory) -> None:
        self.ground, self.memory = ground, memory
        self.choice = random.Random(19)
        spaces = list(SPACES)
        self.places = [
            (spaces[number % len(spaces)], full_key(TENANT, f"k/{number}"))
            for number in range(HISTORIES)
        ]

    async def round(self, task: str, share: float) -> None:
        """Let a task write to some of the keys, and wait until that is seen."""
        topic = self.ground.topic(COMMANDS)
        sender = self.memory.bus.sender()
        for place, there in (await self.now()).items():
            if self.choice.random() >= share:
                continue
            command, label = what_it_does(self.choice, place, there)
            envelope = Envelope(
                id=str(uuid4()),
                type=COMMAND_TYPE,
                source="test",
                time_ms=0,
                task_id=task,
                tenant=TENANT,
                label=label,
            )
            record = Outgoing(
                topic, command.key.encode(), command.encode(), encode_headers(envelope)
            )
            await sender.send(record)
        ends = {
            p: await self.memory.bus.end_offset(TopicPartition(topic, p)) - 1
            for p in range(PARTITIONS)
        }
        await self.memory.view.wait_for(
            Positions({p: end for p, end in ends.items() if end >= 0}), within_s=60
        )

    async def now(self) -> dict[Place, StoredRecord | None]:
        view = self.memory.view
        return {
            place: await view.get(*place, wanted=NOTHING_WRITTEN, person=True)
            for place in self.places
        }


def said(records: Mapping[Place, StoredRecord | None]) -> dict[Place, object]:
    """Give what a reader is told by each record."""
    return {
        place: None
        if one is None
        else (one.value, one.label, one.quarantined, one.flagged, one.confidence, one.expires_ms)
        for place, one in records.items()
    }


async def test_undo_gives_500_random_histories_back_as_they_were(tmp_path: Path) -> None:
    ground = Ground.in_memory()
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        writing = Writing(ground, memory)
        await writing.round("before", 0.7)
        await writing.round("before", 0.4)
        before = said(await writing.now())
        await writing.round("undone", 0.8)
        await writing.round("undone", 0.5)
        changed = said(await writing.now())

        acts = MemoryActs(memory, Person("eve", "a test"))
        done = await acts.carry_out((await acts.undoing("undone")).changes)

        assert [one.sentence for one in done if one.sentence is not None] == []
        assert sum(before[place] != changed[place] for place in before) > HISTORIES / 2
        assert said(await writing.now()) == before
        assert any(one is not None and one[2] for one in before.values())  # type: ignore[index]
        assert (await acts.undoing("undone")).is_empty
