"""The bench's team in processes of its own, and a loader that knows when each result came.

Whatever was started here ends with the body that it was started for.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.engine.ground import process
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Tail
from handrail.bus.where import Connection
from handrail.runtime.note import ProcessState, notes
from handrail.wire.ids import task_id_of
from handrail.wire.record import Outgoing, TopicPartition

TEAM = Path(__file__).with_name("team")
PARTITIONS = 12
READY_WITHIN_S = 60.0
ARRIVES_WITHIN_S = 300.0


class Loader:
    """Submits texts and notes how long each took until its result could be read."""

    def __init__(self, bus: KafkaBus, namespace: str, tail: Tail) -> None:
        """Read results from the beginning."""
        self.took_s: dict[str, float] = {}
        self._bus = bus
        self._namespace = namespace
        self._tail = tail
        self._left_s: dict[str, float] = {}
        self._news = asyncio.Event()

    async def submit(self, topic: str, reference: str, text: str) -> None:
        """Send one task; its reference is its name here."""
        full = f"{self._namespace}.{topic}"
        key = task_id_of("default", reference).encode()
        home = await self._bus.partition_of(full, key)
        self._left_s[reference] = time.perf_counter()
        body = b'"%s"' % text.encode()
        await self._bus.sender().send(Outgoing(full, reference.encode(), body, (), home))

    async def arrived(self, references: Iterable[str]) -> None:
        """Wait until all of these have their results."""
        wanted = set(references)
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while not wanted <= self.took_s.keys():
                await self.read()

    async def read(self) -> None:
        """Take in what has come."""
        for record in await self._tail.poll(timeout_s=0.5, records_max=5_000):
            reference = (record.key or b"").decode()
            if reference in self._left_s and reference not in self.took_s:
                self.took_s[reference] = time.perf_counter() - self._left_s[reference]


@asynccontextmanager
async def loader(
    bootstrap: str, groups: Sequence[Sequence[str]], partitions: int = PARTITIONS
) -> AsyncIterator[Loader]:
    """Start the team, one process for each group of agents, on fresh topics."""
    namespace = f"steps{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as where:
        folder = Path(where)
        shutil.copytree(TEAM, folder, dirs_exist_ok=True)
        settings = f'namespace = "{namespace}"\nintake = "texts"\npartitions = {partitions}\n'
        (folder / "handrail.toml").write_text(f'{settings}[broker]\nbootstrap = "{bootstrap}"\n')
        flags = ("--project", str(folder))
        command = [sys.executable, "-m", "handrail", "topics", "apply", *flags]
        root = str(Path(__file__).parents[2])
        await asyncio.to_thread(
            subprocess.run,
            command,
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
        await bus.start()
        try:
            async with AsyncExitStack() as stack:
                for group in groups:
                    stack.enter_context(process("handrail", "run", *group, *flags))
                await _ready(folder, len(groups))
                results = {TopicPartition(f"{namespace}.results", p): 0 for p in range(partitions)}
                yield Loader(bus, namespace, await bus.tail(results))
        finally:
            await bus.close()


async def _ready(folder: Path, count: int) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            found = [note for _, note in notes(folder)]
            if len(found) == count and all(note.state is ProcessState.READY for note in found):
                return
            await asyncio.sleep(0.05)
