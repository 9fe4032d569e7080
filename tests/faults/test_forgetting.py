"""Of what memory kept of a forgotten person no word is left, in no topic and in no file.

Every place is counted by what lay there before, so that none counts as cleared that never held a
word. What a message says of a person is not reached: where it still lies is counted too.

The broker is the test's own, so that its segments can be searched as bytes. Its topics of memory
roll and compact as soon as Kafka lets them: Kafka 4.4 takes no segment below 1 MiB, so segments are
rolled by age, and its cleaner looks every 15 s. A control word, which nobody forgets, proves each
time that the search finds what is there.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from handrail import (
    Access,
    Context,
    Memory,
    MemoryClass,
    PersonalData,
    Refused,
    State,
    Topic,
    agent,
)
from handrail.bus.local_broker import LocalBroker
from handrail.bus.port import Bus
from handrail.memory.sealing import opened, sealed
from handrail.runtime.clock import WallClock
from handrail.runtime.memory_acts import MemoryActs, OnMemory, Person
from handrail.runtime.memory_commands import CommandSender
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.runtime.worker.process_memory import KEYS_FILE
from handrail.store.subject_keys import LocalKeys
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.memory import TENANT
from handrail.wire.memory import NOTHING_WRITTEN, Command, Op, full_key
from tests.waiting import until

ADA = "ada@lovelace.example"
CANARY, CONTROL = "quokkawhistle", "harmlessteapot"
SAID = "numbatfiddle"  #: of the person, in messages; memory never holds it
#: Where it lies sealed, in topics that hold it for a while; and where messages say of the person.
SEALED_ON = ("clerk.journal", "memory.commands", "memory.history", "memory.tastes")
SAID_ON = ("clerk.dead", "ledger", "orders", "tasks")
ROLLED_MS = 1_000
CLEANED_WITHIN_S = 120.0
AT_ONCE = {
    "segment.ms": str(ROLLED_MS),
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0",
}


class Taste(BaseModel):
    """What somebody likes."""

    text: str


tastes = Memory(
    "tastes",
    carries=Taste,
    keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT),
)
facts = Memory("facts", carries=Taste, keeps=MemoryClass.FACT)
orders = Topic("orders", carries=str)


def word(backwards: str) -> str:
    """Keep the word itself out of every message: only memory is to hold it."""
    return backwards[::-1]


@agent(reads=orders)
async def clerk(order: str, ctx: Context) -> None:
    """Learn what a person likes, use it, try to copy it elsewhere, and die of the last order."""
    order, _, _ = order.partition(" ")
    liked = Taste(text=f"likes {word(CANARY[::-1])}")
    await ctx.memory(tastes).put(order, liked, subject=ADA)
    await ctx.memory(tastes).put(order, Taste(text=word(CONTROL[::-1])), subject="Bob")
    kept = await ctx.memory(tastes).get(order, subject=ADA)
    assert kept is not None
    try:
        await ctx.memory(facts).put(order, kept.value, derived_from=[kept.reference])
    except Refused:
        await ctx.memory(facts).put(order, Taste(text=f"{word(CONTROL[::-1])} of {order}"))
    about = {"subject": ADA, "derived_from": [kept.reference]}
    await ctx.memory(tastes).put(f"{order}/more", liked, **about)
    assert await ctx.memory(tastes).search("likes", subject=ADA)
    if order == "bad":
        raise Refused(State.INVALID_INPUT, "nobody delivers that")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Kafka whose data lie in a folder of the test."""
    broker = LocalBroker(tmp_path / "project", tied=True)
    running = broker.start()
    yield running.bootstrap, tmp_path / "project"
    broker.stop()


def holding(text: str, *folders: Path) -> list[str]:
    """Give the files that hold a word, whatever they are, each of them once."""
    found: list[str] = []
    for path in sorted({path for folder in folders for path in folder.rglob("*")}):
        try:
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path.as_posix())
        except FileNotFoundError:  # a segment that the cleaner has just replaced
            continue
    return found


def still_holding(key: bytes, *folders: Path) -> list[Path]:
    """Give the files of keys that hold the bytes of one."""
    files = [path for folder in folders for path in folder.rglob("subject_keys*")]
    assert files
    return [path for path in files if key in path.read_bytes()]


async def topics_holding(bus: Bus, namespace: str, text: str) -> list[str]:
    """Give the topics that hold a word in any record, however its batch is packed."""
    found: list[str] = []
    for topic in sorted(await bus.admin.topics()):
        if topic.startswith(f"{namespace}."):
            for one in await read_all(bus, topic):
                parts = [one.key or b"", one.value or b"", *(v or b"" for _, v in one.headers)]
                if any(text.encode() in part for part in parts):
                    found.append(topic)
                    break
    return found


@asynccontextmanager
async def on_memory(team: Team, folder: Path) -> AsyncIterator[OnMemory]:
    """Stand where `handrail memory` stands, with a view of its own."""
    keys = LocalKeys(team._memory.folder / KEYS_FILE)
    names = ["tastes", "facts"]
    view = MemoryView(
        team.bus, ViewSettings(team.namespace, names, folder, lambda record: opened(record, keys))
    )
    try:
        await view.start()
        sender = CommandSender(team.bus, team.namespace, TENANT)
        spaces = {"tastes": tastes, "facts": facts}
        yield OnMemory(team.bus, sender, spaces, keys, view, WallClock().now_ms())
    finally:
        await view.close()
        keys.close()


async def test_what_memory_kept_of_a_person_is_gone_everywhere_and_messages_are_not_reached(
    own_broker: tuple[str, Path], tmp_path: Path
) -> None:
    bootstrap, project = own_broker
    # Views, keys, segments, all of it; a worker of a shared run has its files in two places.
    everywhere = Path(tempfile.gettempdir()), tmp_path
    team = Team(clerk, memory=[tastes, facts], on="kafka", broker=bootstrap, partitions=1)
    async with team:
        await team.bus.admin.alter_settings(team.full(tastes.topic), AT_ONCE)
        for order in ("one", "two", "bad"):
            task = await team.submit(orders, f"{order} for {SAID}")
            await task.until("failed" if order == "bad" else "completed")
        where = team.bus, team.namespace
        async with on_memory(team, tmp_path / "views") as memory:
            digest = memory.keys.digest(TENANT, ADA)
            key = memory.keys.key(digest)
            secret = await sealed_text(memory, full_key(TENANT, "one", subject=digest))
            # The words are where they are searched for, so that the search can find them.
            clear = {Path(name).parent for name in holding(CANARY, *everywhere)}
            assert (len(clear), tmp_path / "views" in clear) == (2, True)
            assert await topics_holding(*where, secret) == [team.full(name) for name in SEALED_ON]
            assert await topics_holding(*where, SAID) == [team.full(name) for name in SAID_ON]
            assert holding(CONTROL, project)
            assert holding(secret, project)
            assert await topics_holding(team.bus, team.namespace, CONTROL) == [
                team.full(name) for name in ("memory.commands", "memory.facts", "memory.history")
            ]

            acts = MemoryActs(memory, Person("eve", "she asked for it"))
            receipt = await acts.forget(ADA, await acts.forgetting(ADA), tmp_path / "views")
            await no_longer(*everywhere)

            assert (receipt.records, receipt.versions, receipt.left) == (6, 6, 0)
            assert await topics_holding(team.bus, team.namespace, CANARY) == []
            assert still_holding(key, *everywhere) == []
            await compacted(memory, secret, project)
            assert holding(CANARY, *everywhere) == []
            assert await topics_holding(team.bus, team.namespace, CONTROL)
            assert await topics_holding(*where, SAID) == [team.full(name) for name in SAID_ON]


async def no_longer(*folders: Path) -> None:
    """Wait until every view of this machine is cleared, and name those that are not."""
    left: list[str] = []

    def cleared() -> bool:
        left[:] = holding(CANARY, *folders)
        return not left

    try:
        await until(cleared, within_s=30)
    except AssertionError:
        raise AssertionError(left) from None


async def sealed_text(memory: OnMemory, full: str) -> str:
    found = await memory.view.get("tastes", full, wanted=NOTHING_WRITTEN)
    assert found is not None
    return str(found.value)


async def compacted(memory: OnMemory, secret: str, project: Path) -> None:
    """Wait until even the sealed text is in no segment of the space's topic."""
    full = full_key(TENANT, "later", subject=memory.keys.digest(TENANT, "Bob"))

    async def is_gone() -> bool:
        # A segment is closed by whatever is written after its time.
        command = Command(
            op=Op.PUT,
            space="tastes",
            key=full,
            by="person:eve",
            type_name=tastes.type_name,
            value={"text": str(time.time_ns())},
        )
        await memory.sender.send([sealed(command, memory.keys)], WallClock().now_ms())
        await asyncio.sleep(0)
        return not [name for name in holding(secret, project) if ".memory.tastes-" in name]

    await until(is_gone, within_s=CLEANED_WITHIN_S, what="the cleaner of Kafka")
