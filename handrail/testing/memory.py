"""The memory of a team under test: its keeper, a view of its own, and what became of commands."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

import orjson

from handrail.contract.memory import SEARCH_K, Hit, Memory, Record
from handrail.contract.memory_reader import NEWEST, AsOf
from handrail.errors.memory import StaleView
from handrail.ledger.memory_event import MemoryRecalled
from handrail.memory.rebuilding import rebuilt
from handrail.memory.sealing import opened, sealed
from handrail.runtime.keeper import keeper
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.runtime.single_writer import SingleWriter
from handrail.runtime.worker.memory_reads import as_given, given_or_not, in_ms
from handrail.runtime.worker.process_memory import KEYS_FILE
from handrail.store.subject_keys import LocalKeys
from handrail.testing.accounting import read_all
from handrail.testing.team_ground import TeamGround
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import (
    COMMAND_TYPE,
    COMMANDS,
    NOTHING_WRITTEN,
    Command,
    Op,
    Positions,
    full_key,
)
from handrail.wire.record import Outgoing
from handrail.wire.record import Record as Read

M = TypeVar("M")

TENANT = "default"
TESTER = "person:a test"


class TeamMemory:
    """The keeper of a team under test, and the test's own view of what it has kept."""

    def __init__(self, ground: TeamGround) -> None:
        """Start nothing; a team without spaces has none of it."""
        self._ground = ground
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._writer: SingleWriter | None = None
        self._view: MemoryView | None = None
        self._keys: LocalKeys | None = None
        self.running: asyncio.Task[None] | None = None  #: the keeper

    @property
    def folder(self) -> Path:
        """Where the files of the team's memory are, until its end."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="handrail-test-memory-")
        return Path(self._folder.name)

    @property
    def keys_file(self) -> Path | None:
        """The keys that all processes of the team share."""
        return self.folder / KEYS_FILE if self.has_spaces else None

    @property
    def has_spaces(self) -> bool:
        """Whether the team declares any."""
        return bool(self._ground.description.spaces)

    def start(self) -> None:
        """Start the keeper."""
        ground = self._ground
        if self.has_spaces:
            spaces = ground.description.spaces
            self._writer = keeper(ground.bus, ground.namespace, spaces, ground.clock)
            self.running = asyncio.create_task(self._writer.run(), name="keeper of the test")

    def stop(self) -> None:
        """Ask the keeper to finish what it has in hand."""
        if self._writer is not None:
            self._writer.stop()

    async def close(self) -> None:
        """End the keeper, which was asked to stop, and give everything back."""
        if self.running is not None:
            await asyncio.gather(self.running, return_exceptions=True)
        if self._view is not None:
            await self._view.close()
        if self._keys is not None:
            self._keys.close()
        if self._folder is not None:
            self._folder.cleanup()

    # ---- what is remembered

    async def current(self) -> tuple[MemoryView, Positions]:
        """Give the view, once it holds everything that was asked for until now."""
        ground = self._ground
        if self._view is None:
            names = sorted(ground.description.spaces)
            opener = partial(opened, keys=self.keys())
            settings = ViewSettings(ground.namespace, names, None, opener, ground.clock)
            self._view = MemoryView(ground.bus, settings)
            await self._view.start()
        wanted = await self.commands_until_now()
        await self._view.wait_for(wanted, within_s=ground.patience_s)
        return self._view, wanted

    async def followed(self, views: Iterable[MemoryView | None]) -> bool:
        """Let views follow to all that was asked for until now; False if one had to be waited for.

        Raises StaleView for one that does not get there.
        """
        opened = [view for view in views if view is not None]
        wanted = await self.commands_until_now() if opened else NOTHING_WRITTEN
        late = [view for view in opened if not view.holds(wanted)]
        for view in late:
            await view.wait_for(wanted, within_s=self._ground.patience_s)
        return not late

    async def commands_until_now(self) -> Positions:
        """Give where the last command of each partition stands."""
        records = await self._commands()
        return Positions({one.partition: one.offset for one in records})

    async def _commands(self) -> list[Read]:
        ground = self._ground
        return await read_all(ground.bus, f"{ground.namespace}.{COMMANDS}")

    def keys(self) -> LocalKeys:
        """Give the keys of subjects."""
        if self._keys is None:
            self._keys = LocalKeys(self.folder / KEYS_FILE)
        return self._keys

    async def send(self, command: Command, task_id: str, label: str | None = None) -> None:
        """Send a command as a person does."""
        ground = self._ground
        envelope = Envelope(
            id=str(uuid4()),
            type=COMMAND_TYPE,
            source=f"handrail/{ground.namespace}/test",
            time_ms=ground.clock.now_ms(),
            task_id=task_id,
            tenant=TENANT,
            label=label,
        )
        topic, key = f"{ground.namespace}.{COMMANDS}", command.key.encode()
        record = Outgoing(topic, key, command.encode(), encode_headers(envelope))
        await ground.bus.sender().send(record)

    # ---- what became of it

    async def unaccounted(self) -> list[str]:
        """Give a sentence for each command that was forgotten, doubled or answered twice."""
        if not self.has_spaces:
            return []
        try:
            await self.current()
        except StaleView as error:
            return [f"commands to memory were not taken: {error}"]
        commands = await self._commands()
        ids = Counter(_header(one, "ce_id") for one in commands)
        wrong = [f"command {id_} was sent {n} times" for id_, n in ids.items() if n > 1]
        asked = {
            (_header(one, "ce_replyto").partition("/")[0], _header(one, "ce_id"))
            for one in commands
            if _header(one, "ce_replyto")
        }
        heard: Counter[str] = Counter()
        for topic in {topic for topic, _ in asked}:
            answers = await read_all(self._ground.bus, f"{self._ground.namespace}.{topic}")
            heard.update(_header(one, "ce_for") for one in answers)
        wrong += [
            f"command {id_} was answered {heard[id_]} times" for _, id_ in asked if heard[id_] != 1
        ]
        return wrong


class TestedSpace(Generic[M]):
    """One space as a test sees it: everything that was asked for is there."""

    def __init__(self, memory: TeamMemory, space: Memory[M], tenant: str) -> None:
        """Look into this space of a tenant."""
        self._memory = memory
        self._space = space
        self._tenant = tenant

    async def get(
        self,
        key: str,
        *,
        as_of: datetime | int | None = None,
        subject: str | None = None,
        task: str | None = None,
    ) -> Record[M] | None:
        """Give a version as agents would read it now; scratch belongs to a task."""
        view, wanted = await self._memory.current()
        at = NEWEST if as_of is None else _as_of(as_of)
        full = self._full(key, subject, task)
        found = await view.get(self._space.name, full, wanted=wanted, as_of=at)
        return None if found is None else as_given(self._space, found, self._memory.keys())

    async def history(
        self, key: str, *, subject: str | None = None, task: str | None = None
    ) -> list[Record[M]]:
        """Give every version that is still kept and can be read, oldest first."""
        view, wanted = await self._memory.current()
        full = self._full(key, subject, task)
        found = await view.history(self._space.name, full, wanted=wanted)
        given = [given_or_not(self._space, one, self._memory.keys()) for one in found]
        return [one for one in given if isinstance(one, Record)]

    async def search(
        self, text: str, k: int = SEARCH_K, *, subject: str | None = None, task: str | None = None
    ) -> list[Hit[M]]:
        """Give up to `k` records that match words of a text, best first."""
        view, wanted = await self._memory.current()
        whose = self._full("", subject, task)
        found = await view.search(self._space.name, whose, text, k, wanted=wanted)
        given = [(given_or_not(self._space, h.record, self._memory.keys()), h.score) for h in found]
        return [Hit(record, score) for record, score in given if isinstance(record, Record)]

    async def put(
        self,
        key: str,
        value: M,
        *,
        expect: int | None = None,
        subject: str | None = None,
        task: str = "a-test",
        label: str | None = None,
    ) -> Record[M] | None:
        """Write as a person does, of whatever origin, and give what is there afterwards."""
        owner = task if self._space.rules.of_one_task else None
        command = Command(
            op=Op.PUT,
            space=self._space.name,
            key=self._full(key, subject, owner),
            by=TESTER,
            type_name=self._space.type_of(value),
            value=orjson.loads(self._space.encode(value)),
            expect=expect,
        )
        await self._memory.send(sealed(command, self._memory.keys()), task, label)
        return await self.get(key, subject=subject, task=owner)

    async def made_again(self, told: MemoryRecalled) -> str:
        """Make the text that a model was given again, byte for byte. Raises PromptNotRebuilt."""
        view, _ = await self._memory.current()
        return rebuilt(told.manifest, view.file, told.time_ms, self._memory.keys())

    def _full(self, key: str, subject: str | None, task: str | None) -> str:
        digest = None
        if subject is not None:
            digest = self._memory.keys().digest(self._tenant, subject)
        return full_key(self._tenant, key, subject=digest, task=task)


def _as_of(wanted: datetime | int) -> AsOf:
    return AsOf(at_ms=in_ms(wanted)) if isinstance(wanted, datetime) else AsOf(version=wanted)


def _header(record: Read, name: str) -> str:
    return (record.header(name) or b"").decode(errors="replace")
