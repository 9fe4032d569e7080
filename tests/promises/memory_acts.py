"""What people may rely on when they take back or forget, on whatever bus `ground` stands on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handrail.bus.port import Bus
from handrail.contract.memory import Access, Memory, MemoryClass, PersonalData
from handrail.errors.subject import SubjectHeld
from handrail.ledger.event_record import decode
from handrail.ledger.memory_event import MemoryForgotten
from handrail.ledger.projection import Projection
from handrail.ledger.queries import receipt_of
from handrail.memory.sealing import opened, sealed
from handrail.runtime.clock import WallClock
from handrail.runtime.follow import catch_up
from handrail.runtime.memory_acts import MemoryActs, OnMemory, Person
from handrail.runtime.memory_commands import CommandSender
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.store.subject_keys import LocalKeys
from handrail.wire.memory import COMMANDS, HISTORY, NOTHING_WRITTEN, Command, Op, full_key
from tests.promises.ground import Ground
from tests.promises.memory_askers import keeping

TENANT = "acme"
TASK = "7a1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d11"
ADA = "Ada Lovelace"
CANARY = "quokkawhistle"


class Fact(BaseModel):
    """What is known."""

    text: str


FACTS = Memory("facts", carries=Fact, keeps=MemoryClass.FACT)
DECISIONS = Memory("decisions", carries=str, keeps=MemoryClass.DECISION)
TASTES = Memory(
    "tastes",
    carries=Fact,
    keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT),
)
SPACES: dict[str, Memory[Any]] = {one.name: one for one in (FACTS, DECISIONS, TASTES)}


@asynccontextmanager
async def on_memory(ground: Ground, bus: Bus, folder: Path) -> AsyncIterator[OnMemory]:
    """Run a keeper, and a view beside it."""
    spaces = [one.topic for one in SPACES.values()]
    await ground.prepare(bus, COMMANDS, HISTORY, "ledger", compacted=spaces)
    async with with_keeper(ground, bus, folder) as memory:
        yield memory


@asynccontextmanager
async def with_keeper(
    ground: Ground, bus: Bus, folder: Path, spaces: Mapping[str, Memory[Any]] = SPACES
) -> AsyncIterator[OnMemory]:
    """Do the same on topics that are there."""
    keys = LocalKeys(folder / "keys" / "subjects.sqlite")
    settings = ViewSettings(
        ground.namespace, list(spaces), folder / "views", lambda record: opened(record, keys)
    )
    view = MemoryView(bus, settings)
    async with keeping(bus, ground, spaces=spaces):
        try:
            await view.start()
            sender = CommandSender(bus, ground.namespace, TENANT)
            yield OnMemory(bus, sender, spaces, keys, view, WallClock().now_ms())
        finally:
            await view.close()
            keys.close()


def acts(memory: OnMemory, reason: str = "a test") -> MemoryActs:
    return MemoryActs(memory, Person("eve", reason))


def full_of(memory: OnMemory, key: str, about: str | None) -> str:
    tenant = memory.sender.tenant
    return full_key(tenant, key, subject=about and memory.keys.digest(tenant, about))


async def put(
    memory: OnMemory, space: str, key: str, value: Any, *, about: str | None = None, **facts: Any
) -> str | None:
    """Write as an agent does, its subject sealed; give why it was refused, if it was."""
    full = full_of(memory, key, about)
    now = await memory.view.get(space, full, wanted=NOTHING_WRITTEN)
    command = Command(
        op=Op.PUT,
        space=space,
        key=full,
        by="person:clerk",
        type_name=SPACES[space].type_name,
        value=value,
        expect=0 if now is None else now.version,
        **facts,
    )
    _, done = await acts(memory).put(sealed(command, memory.keys))
    return done.sentence


async def read(memory: OnMemory, space: str, key: str, *, about: str | None = None) -> Any:
    full = full_of(memory, key, about)
    found = await memory.view.get(space, full, wanted=NOTHING_WRITTEN)
    clear = None if found is None else opened(found, memory.keys)
    return None if clear is None else clear.value


async def test_an_undone_task_leaves_memory_as_it_was(ground: Ground, tmp_path: Path) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "facts", "order", {"text": "open"})
        task = replace(memory, sender=CommandSender(bus, ground.namespace, TENANT, TASK))
        await put(task, "facts", "order", {"text": "paid"})
        await put(task, "facts", "bill", {"text": "sent"})
        await put(task, "tastes", "drink", {"text": "tea"}, about=ADA)
        await put(task, "decisions", "why", "it was late")

        plan = await acts(memory).undoing(TASK)
        done = await acts(memory).carry_out(plan.changes)

        assert [one.sentence for one in done] == [None] * 3
        assert [(one.space, one.why) for one in plan.left] == [
            ("decisions", "it can never be changed; that it was wrong can be written anew")
        ]
        assert await read(memory, "facts", "order") == {"text": "open"}
        assert await read(memory, "facts", "bill") is None
        assert await read(memory, "tastes", "drink", about=ADA) is None
        assert (await acts(memory).undoing(TASK)).is_empty


async def test_a_tenant_whose_name_has_a_slash_takes_back_and_forgets_like_any_other(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        theirs = replace(memory, sender=CommandSender(bus, ground.namespace, "acme/eu", TASK))
        await put(theirs, "facts", "order", {"text": "paid"})
        await put(theirs, "tastes", "drink", {"text": "tea"}, about=ADA)
        await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA)

        undoing = await acts(theirs).undoing(TASK)
        plan = await acts(theirs).forgetting(ADA)
        receipt = await acts(theirs).forget(ADA, plan, tmp_path / "views")

        assert [change.space for change in undoing.changes] == ["facts", "tastes"]
        assert (receipt.tenant, receipt.records, receipt.versions) == ("acme/eu", 1, 1)
        assert await read(theirs, "tastes", "drink", about=ADA) is None
        assert await read(memory, "tastes", "drink", about=ADA) == {"text": "tea"}


async def test_what_was_written_since_the_plan_is_a_conflict_and_stays(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        task = replace(memory, sender=CommandSender(bus, ground.namespace, TENANT, TASK))
        await put(task, "facts", "order", {"text": "paid"})
        plan = await acts(memory).undoing(TASK)
        await put(memory, "facts", "order", {"text": "paid in full"})

        (done,) = await acts(memory).carry_out(plan.changes)

        assert done.is_conflict
        assert await read(memory, "facts", "order") == {"text": "paid in full"}


async def test_what_a_person_removes_is_gone_in_the_version_that_was_shown(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        full = full_key(TENANT, "order")
        await put(memory, "facts", "order", {"text": "open"})
        shown = await memory.view.get("facts", full, wanted=NOTHING_WRITTEN)
        await put(memory, "facts", "order", {"text": "paid"})
        now = await memory.view.get("facts", full, wanted=NOTHING_WRITTEN)
        await put(memory, "decisions", "why", "it was late")
        why = await memory.view.get("decisions", full_key(TENANT, "why"), wanted=NOTHING_WRITTEN)
        assert shown is not None
        assert now is not None
        assert why is not None

        late = await acts(memory).remove(shown)
        done = await acts(memory).remove(now)
        never = await acts(memory).remove(why)

        assert (late.is_conflict, done.sentence) == (True, None)
        assert await read(memory, "facts", "order") is None
        versions = await memory.view.history("facts", full, wanted=NOTHING_WRITTEN, person=True)
        assert [(one.version, one.removed, one.agent) for one in versions][2:] == [
            (3, True, "person:eve")
        ]
        assert never.sentence == "a record of class decision is never removed"
        assert never.remedy == "write a record that says what is different now"
        assert await read(memory, "decisions", "why") == "it was late"


async def test_what_can_never_be_removed_is_marked_when_its_message_is_retracted(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "facts", "a", {"text": "x"}, derived_from=("message-1",))
        await put(memory, "facts", "b", {"text": "y"}, derived_from=("facts/a@1",))
        await put(memory, "decisions", "why", "since x", derived_from=("facts/b@1",))
        await put(memory, "facts", "c", {"text": "z"})

        plan = await acts(memory).retracting(["message-1"])
        await acts(memory).carry_out(plan.changes)

        assert [await read(memory, "facts", key) for key in "abc"] == [None, None, {"text": "z"}]
        full = full_key(TENANT, "why")
        marked = await memory.view.get("decisions", full, wanted=NOTHING_WRITTEN)
        assert marked is not None
        assert (marked.value, marked.flagged) == ("since x", "a test")


async def test_a_forgotten_person_is_gone_and_a_receipt_says_so(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        for number in range(5):
            await put(memory, "tastes", f"k{number}", {"text": CANARY}, about=ADA)
            await put(memory, "tastes", f"k{number}", {"text": "tea"}, about="Bob")
        plan = await acts(memory).forgetting(ADA)

        receipt = await acts(memory).forget(ADA, plan, tmp_path / "views")

        assert (receipt.records, receipt.versions, receipt.key_destroyed) == (5, 5, True)
        assert [await read(memory, "tastes", f"k{n}", about=ADA) for n in range(5)] == [None] * 5
        assert await read(memory, "tastes", "k1", about="bob") == {"text": "tea"}
        events = [decode(record) for record in await ground.records(bus, "ledger")]
        assert [event for event in events if isinstance(event, MemoryForgotten)] == [receipt]
        assert ADA not in str(receipt)


async def test_a_receipt_says_why_and_after_it_nothing_is_left_to_be_forgotten(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "k", {"text": CANARY}, about=ADA)
        plan = await acts(memory).forgetting(ADA)

        receipt = await acts(memory, "she asked for it").forget(ADA, plan, tmp_path / "views")
        again = await acts(memory).forgetting(ADA)

        assert receipt.reason == "she asked for it"
        assert (again.own, again.versions, again.is_empty) == ({}, 0, True)
        assert again.removals > 0
        projection = Projection(tmp_path / "p.sqlite")
        await catch_up(bus, ground.namespace, projection)
        assert receipt_of(projection, receipt.key) == receipt
        assert receipt_of(projection, "d1") is None
        projection.close()


async def test_forgetting_twice_is_forgetting_once(ground: Ground, tmp_path: Path) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "k", {"text": CANARY}, about=ADA)
        first = await acts(memory).forgetting(ADA)
        await acts(memory).forget(ADA, first, tmp_path / "views")

        again = await acts(memory).forget(
            ADA, await acts(memory).forgetting(ADA), tmp_path / "views"
        )

        assert not again.key_destroyed


async def test_who_is_on_hold_is_neither_forgotten_nor_removed(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA, derived_from=("m1",))
        await acts(memory, "case 7").hold(ADA)

        with pytest.raises(SubjectHeld) as refusal:
            await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")
        plan = await acts(memory).retracting(["m1"])
        (done,) = await acts(memory).carry_out(plan.changes)

        assert (refusal.value.by, refusal.value.why) == ("person:eve", "case 7")
        assert done.sentence is not None
        assert "hold" in done.sentence
        assert await read(memory, "tastes", "drink", about=ADA) == {"text": "tea"}
        assert await acts(memory).release(ADA)
        await acts(memory).forget(ADA, await acts(memory).forgetting(ADA), tmp_path / "views")
        assert await read(memory, "tastes", "drink", about=ADA) is None


async def test_what_is_known_of_a_person_is_copied_to_nobody_elses_key(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus, on_memory(ground, bus, tmp_path) as memory:
        await put(memory, "tastes", "drink", {"text": "tea"}, about=ADA)
        source = f"tastes/{full_key(TENANT, 'drink', subject=memory.keys.digest(TENANT, ADA))}@1"

        elsewhere = await put(memory, "facts", "sum", {"text": "t"}, derived_from=(source,))
        others = await put(
            memory, "tastes", "sum", {"text": "t"}, about="Bob", derived_from=(source,)
        )
        loose = await put(memory, "facts", "s", {"text": "t"}, derived_from=("tastes/drink@1",))
        own = await put(memory, "tastes", "sum", {"text": "t"}, about=ADA, derived_from=(source,))

        assert own is None
        for refused in (elsewhere, others, loose):
            assert refused is not None
            assert "derived from tastes/drink@1, which is about a person" in refused
