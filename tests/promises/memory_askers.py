"""Asks the keeper to write, as a worker does, and reads everything that it has written."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from handrail.bus.port import Bus
from handrail.contract.memory import Memory, MemoryClass, Quota
from handrail.ledger.event_record import decode
from handrail.ledger.memory_event import MemoryRefused, MemoryWritten
from handrail.runtime.clock import Clock, WallClock
from handrail.runtime.keeper import keeper
from handrail.runtime.single_writer import SingleWriter
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import (
    APPLIED_KEY,
    COMMAND_TYPE,
    COMMANDS,
    HISTORY,
    Answer,
    AppliedMark,
    Command,
    Op,
    StoredRecord,
    full_key,
    space_topic,
)
from handrail.wire.record import Outgoing
from tests.promises.ground import Ground
from tests.waiting import until

TENANT, TASK = "acme", "7a1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d11"


class Fact(BaseModel):
    """What is known of an order."""

    text: str


FACTS = Memory("facts", carries=Fact, keeps=MemoryClass.FACT, quota=Quota(records=3_000))
WORDS = Memory("words", carries=str, keeps=MemoryClass.FACT)
TALLY = Memory("tally", carries=int, keeps=MemoryClass.FACT)
TAGS = Memory("tags", carries=list, keeps=MemoryClass.FACT)
SCRATCH = Memory("scratch", carries=dict, keeps=MemoryClass.WORKING)
SPACES: Mapping[str, Memory[Any]] = {one.name: one for one in (FACTS, WORDS, TALLY, TAGS, SCRATCH)}


def command(op: Op, space: str, key: str, value: Any = None, **facts: Any) -> Command:
    """Make a command of the clerk; a scratch key belongs to the task."""
    task = TASK if space == SCRATCH.name else None
    full = facts.pop("full", None) or full_key(TENANT, key, task=task)
    return Command(op=op, space=space, key=full, by=facts.pop("by", "clerk"), value=value, **facts)


def envelope(**changes: Any) -> Envelope:
    """Make what says for whom a command is."""
    made = Envelope(
        id=str(uuid.uuid4()),
        type=COMMAND_TYPE,
        source="handrail/ns/clerk",
        time_ms=1_000,
        task_id=TASK,
        tenant=TENANT,
        causation_id=str(uuid.uuid4()),
        reply_to="clerk.answers/0",
    )
    return made.but(**changes)


@dataclass
class Askers:
    """Sends commands and finds what the keeper made of them."""

    ground: Ground
    bus: Bus
    _read: int = 0
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])  #: by command's id

    @classmethod
    async def prepared(cls, ground: Ground, bus: Bus) -> "Askers":
        """Create the topics."""
        topics = [space_topic(name) for name in SPACES]
        await ground.prepare(bus, COMMANDS, HISTORY, "ledger", "clerk.answers", compacted=topics)
        return cls(ground, bus)

    async def send(self, asked: Command, **changes: Any) -> str:
        """Send a command; give its id."""
        around = envelope(**changes)
        headers = encode_headers(around)
        topic = self.ground.topic(COMMANDS)
        await self.bus.sender().send(Outgoing(topic, asked.key.encode(), asked.encode(), headers))
        return around.id

    async def ask(self, asked: Command, **changes: Any) -> Answer:
        """Send a command and wait for its answer."""
        sent = await self.send(asked, **changes)
        await until(lambda: self.answered(sent), within_s=30)
        return self.answers[sent]

    async def answered(self, sent: str) -> bool:
        """Say whether an answer is there."""
        for record in await self.ground.records(self.bus, "clerk.answers"):
            of = (record.header("ce_for") or b"").decode()
            if of not in self.answers:
                self.answers[of] = Answer.decode(record.value)
        return sent in self.answers

    async def answer_counts(self) -> dict[str, int]:
        """Count the answers to each command."""
        found: dict[str, int] = {}
        for record in await self.ground.records(self.bus, "clerk.answers"):
            of = (record.header("ce_for") or b"").decode()
            found[of] = found.get(of, 0) + 1
        return found

    async def newest(self, space: str) -> dict[str, StoredRecord]:
        """Give what stands on a space's topic, as a reader folds it."""
        found: dict[str, StoredRecord] = {}
        for record in await self.ground.records(self.bus, space_topic(space)):
            key = (record.key or b"").decode()
            if key.startswith("handrail/"):
                continue
            found.pop(key, None)
            if record.value is not None:
                found[key] = StoredRecord.decode(record.value)
        return found

    async def history(self) -> list[StoredRecord]:
        """Give every version, partition by partition."""
        return [
            StoredRecord.decode(record.value)
            for record in await self.ground.records(self.bus, HISTORY)
        ]

    async def told(self) -> list[MemoryWritten | MemoryRefused]:
        """Give what the ledger says of memory."""
        events = [decode(record) for record in await self.ground.records(self.bus, "ledger")]
        return [event for event in events if isinstance(event, MemoryWritten | MemoryRefused)]

    async def marks(self, space: str) -> list[AppliedMark]:
        """Give the marks of a space's topic."""
        records = await self.ground.records(self.bus, space_topic(space))
        return [AppliedMark.decode(one.value) for one in records if one.key == APPLIED_KEY]

    async def all_decided(self) -> bool:
        """Say whether every command has been decided on."""
        topic = self.ground.topic(COMMANDS)
        committed = await self.bus.admin.committed(f"{self.ground.namespace}.keeper", topic)
        ended = await self.bus.admin.offsets(topic)
        return all(
            first == end or (partition in committed and committed[partition].offset >= end)
            for partition, (first, end) in ended.items()
        )


@asynccontextmanager
async def keeping(
    bus: Bus,
    ground: Ground,
    clock: Clock | None = None,
    spaces: Mapping[str, Memory[Any]] = SPACES,
) -> AsyncIterator[SingleWriter]:
    """Run one member of the keeper's group, from its first partition to the end of the body."""
    writer = keeper(bus, ground.namespace, spaces, clock or WallClock())
    task = asyncio.create_task(writer.run(), name="keeper under test")
    try:
        await until(lambda: writer.holds or task.done(), within_s=30)
        yield writer
    finally:
        writer.stop()
        await task


def without_gaps(versions: list[StoredRecord]) -> bool:
    """Say whether the versions of each key are 1, 2, 3 …, each once and in order."""
    by_key: dict[tuple[str, str], list[int]] = {}
    for one in versions:
        by_key.setdefault((one.space, one.key), []).append(one.version)
    return all(
        numbers == list(itertools.islice(itertools.count(1), len(numbers)))
        for numbers in by_key.values()
    )
