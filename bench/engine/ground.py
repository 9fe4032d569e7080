"""Where a measurement takes place: fresh topics, relays in processes of their own, a full inbox.

Whatever was started here ends with the body that it was started for.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer

from bench.engine.raw import READY
from handrail.bus.kafka import KafkaBus
from handrail.bus.murmur2 import partition_for
from handrail.bus.port import Bus, Tail
from handrail.bus.where import Connection
from handrail.runtime.discovery import load_single_file
from handrail.runtime.note import ProcessState, notes
from handrail.runtime.topics import Layout, apply, needed
from handrail.runtime.worker.place import TENANT_DEFAULT
from handrail.wire.ids import task_id_of
from handrail.wire.record import TopicPartition

RELAY = Path(__file__).with_name("relay.py")
PARTITIONS = 12
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace of its own on a broker, with the relay's topics."""

    bus: Bus
    bootstrap: str
    namespace: str
    folder: Path  #: the project that processes are started for

    @property
    def inbox(self) -> str:
        """What the relay reads."""
        return f"{self.namespace}.texts"

    @property
    def outbox(self) -> str:
        """What the relay writes."""
        return f"{self.namespace}.relayed"

    async def tail(self) -> Tail:
        """Read the outbox from its beginning, committed records only."""
        return await self.bus.tail({TopicPartition(self.outbox, p): 0 for p in range(PARTITIONS)})


@asynccontextmanager
async def ground(bootstrap: str) -> AsyncIterator[Ground]:
    """Make fresh topics."""
    namespace = f"bench{secrets.token_hex(3)}"
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        description = load_single_file(RELAY).description(intake="texts")
        await apply(bus.admin, needed(description, Layout(namespace, PARTITIONS, None)))
        with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
            yield Ground(bus, bootstrap, namespace, Path(folder))
    finally:
        await bus.close()


@contextmanager
def process(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python module in a process of its own; it is asked to end, then made to."""
    started = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        assert started.stdout is not None
        started.stdout.close()


@asynccontextmanager
async def relays(place: Ground, count: int) -> AsyncIterator[list[int]]:
    """Start `handrail run` so often and wait until all partitions are open; gives process ids."""
    flags = ("--project", str(place.folder), "--broker", place.bootstrap)
    command = ("handrail", "run", str(RELAY), *flags, "--namespace", place.namespace)
    async with AsyncExitStack() as stack:
        started = [stack.enter_context(process(*command)) for _ in range(count)]
        async with asyncio.timeout(READY_WITHIN_S):
            while not _all_open(place.folder, count):  # noqa: ASYNC110  # files wake nobody
                await asyncio.sleep(0.05)
        yield [one.pid for one in started]


def _all_open(folder: Path, count: int) -> bool:
    found = [note for _, note in notes(folder)]
    shares = sorted(note.partitions for note in found)
    ready = all(note.state is ProcessState.READY for note in found)
    return ready and len(found) == count and shares[0] > 0 and sum(shares) == PARTITIONS


@asynccontextmanager
async def raw_relay(place: Ground, records_max: int) -> AsyncIterator[None]:
    """Start the plain aiokafka loop and wait until it reads."""
    what = (place.bootstrap, place.inbox, place.outbox, str(records_max))
    with process("bench.engine.raw", *what) as started:
        assert started.stdout is not None
        line = await asyncio.to_thread(started.stdout.readline)
        if line.strip() != READY:
            raise RuntimeError("the plain relay did not start")
        yield


def home_of(reference: str) -> int:
    """Give the partition where a reference belongs, as the engine's own client knows it."""
    return partition_for(task_id_of(TENANT_DEFAULT, reference).encode(), PARTITIONS)


@asynccontextmanager
async def full_inbox(place: Ground, count: int) -> AsyncIterator[AIOKafkaProducer]:
    """Write submissions that nobody sees until the transaction that holds them is committed.

    So an inbox of any size is there for its readers at one moment, and filling it costs them
    nothing. Each record stands where its reference belongs, as the engine's own client puts it.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=place.bootstrap,
        transactional_id=f"{place.namespace}.full",
        transaction_timeout_ms=120_000,
        max_batch_size=500_000,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        for number in range(count):
            reference = f"{place.namespace}-{number}"
            home = home_of(reference)
            record = {"key": reference.encode(), "value": b'"text %d"' % number, "timestamp": None}
            if batches[home].append(**record) is None:
                await (await producer.send_batch(batches[home], place.inbox, partition=home))
                batches[home] = producer.create_batch()
                batches[home].append(**record)
        for home, batch in enumerate(batches):
            await (await producer.send_batch(batch, place.inbox, partition=home))
        yield producer
    finally:
        await producer.stop()


def resident_mb(pid: int) -> float:
    """Give the memory that a process holds now, in MB (10⁶ bytes)."""
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(said.stdout) * 1024 / 1e6


def processor() -> str:
    """Name the processor of this machine, as far as it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return "unknown"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(named) or os.cpu_count()} × {named[0] if named else 'unknown'}"
