"""Where processes are killed: a project with one agent, three processes of it, and a steady beat.

Whatever was started here ends with the body that it was started for.
"""

import asyncio
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine.ground import RELAY
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus, Tail
from handrail.bus.where import Connection
from handrail.runtime.discovery import load_single_file
from handrail.runtime.note import ProcessNote, ProcessState, notes
from handrail.runtime.topics import Layout, apply, needed
from handrail.wire.record import Outgoing, TopicPartition

PARTITIONS, PROCESSES = 12, 3
BEAT_S = 0.05  #: between two texts for one partition
WITHIN_S = 90.0
AGENT = "relay"


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with the relay as its only agent, and its topics on a broker."""

    bus: Bus
    folder: Path
    bootstrap: str
    namespace: str

    def command(self, *what: str) -> list[str]:
        """Give a command of Handrail's for this project."""
        flags = ["--project", str(self.folder), "--broker", self.bootstrap]
        return [sys.executable, "-m", "handrail", *what, *flags]

    def processes(self) -> list[ProcessNote]:
        """Give the living processes of the agent, by name."""
        return [note for _, note in notes(self.folder) if AGENT in note.agents and note.alive]

    async def whole(self) -> None:
        """Wait until every process is ready and the partitions are shared out evenly."""

        async def shared() -> bool:
            found = self.processes()
            even = all(note.partitions == PARTITIONS // PROCESSES for note in found)
            ready = all(note.state is ProcessState.READY for note in found)
            return even and ready and len(found) == PROCESSES

        await _until(shared, "the partitions are shared out")


@asynccontextmanager
async def project(bootstrap: str) -> AsyncGenerator[Project]:
    """Lay the project out."""
    namespace = f"bench{secrets.token_hex(3)}"
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
            folder = Path(name)
            (folder / "agents").mkdir()
            shutil.copy(RELAY, folder / "agents" / RELAY.name)
            settings = f'namespace = "{namespace}"\nintake = "texts"\npartitions = {PARTITIONS}\n'
            (folder / "handrail.toml").write_text(settings, encoding="utf-8")
            description = load_single_file(RELAY).description(intake="texts")
            await apply(bus.admin, needed(description, Layout(namespace, PARTITIONS, None)))
            yield Project(bus, folder, bootstrap, namespace)
    finally:
        await bus.close()


@contextmanager
def started(place: Project, *what: str) -> Generator["subprocess.Popen[bytes]"]:
    """Run a command in a process of its own; it is asked to end, then made to."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(place.command(*what), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True)
class Beat:
    """Hands texts to every partition all the time, and sees what comes out."""

    place: Project
    tail: Tail
    came_s: dict[str, float] = field(default_factory=dict[str, float])
    sent_s: list[float] = field(default_factory=list[float])  #: by the number of the beat

    async def send(self) -> None:
        """Send one text to each partition, again and again."""
        sender = self.place.bus.sender()
        topic = f"{self.place.namespace}.texts"
        while True:
            number = len(self.sent_s)
            self.sent_s.append(time.monotonic())
            texts = [
                Outgoing(topic, None, b'"%d/%d"' % (p, number), (), p) for p in range(PARTITIONS)
            ]
            await asyncio.gather(*(sender.send(text) for text in texts))
            await asyncio.sleep(BEAT_S)

    async def watch(self) -> None:
        """Take note of when each text came out."""
        while True:
            for record in await self.tail.poll(timeout_s=0.05):
                text = (record.value or b"").decode().strip('"')
                self.came_s.setdefault(text, time.monotonic())

    async def beats(self, number: int) -> None:
        """Wait for that beat."""
        await _until(lambda: len(self.sent_s) > number, "the beat goes on")

    async def served_after(self, since_s: float) -> float:
        """Give how long after that moment every partition had served a text sent after it."""
        await _until(lambda: self._first(since_s) is not None, "every partition serves again")
        first = self._first(since_s)
        assert first is not None
        return first - since_s

    def _first(self, since_s: float) -> float | None:
        later = [number for number, at_s in enumerate(self.sent_s) if at_s >= since_s]
        firsts: list[float] = []
        for partition in range(PARTITIONS):
            came = [self.came_s.get(f"{partition}/{number}") for number in later]
            seen = [at_s for at_s in came if at_s is not None]
            if not seen:
                return None
            firsts.append(min(seen))
        return max(firsts)


@asynccontextmanager
async def beat(place: Project) -> AsyncGenerator[Beat]:
    """Keep texts coming for the body."""
    relayed = {TopicPartition(f"{place.namespace}.relayed", p): 0 for p in range(PARTITIONS)}
    one = Beat(place, await place.bus.tail(relayed))
    tasks = [asyncio.create_task(one.send()), asyncio.create_task(one.watch())]
    try:
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await one.tail.close()


async def _until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        if time.monotonic() > deadline_s:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)
