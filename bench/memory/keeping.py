"""The keeper under load: compare-and-sets per second, their latency, and updates lost in kills."""

import asyncio
import math
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engine.figure import Figure
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus
from handrail.bus.where import Connection
from handrail.chaos.registers import faults, write_calls
from handrail.chaos.writers import Writers
from handrail.runtime.discovery import load_team
from handrail.runtime.note import ProcessState, notes
from handrail.runtime.topics import Layout, apply, needed

TEAM = Path(__file__).with_name("team")
SPACE, AGENT = "words", "clerk"
WITHIN_S = 60.0
RATE_PROMISED, LATENCY_MS_PROMISED = 2_000.0, 60.0
IN_FLIGHT = 256  #: writers that keep one partition busy
KILLS = 5


@dataclass(frozen=True, slots=True)
class Project:
    """A team with one space, and its topics on a broker."""

    bus: Bus
    folder: Path
    bootstrap: str
    namespace: str

    @contextmanager
    def keeper(self) -> Generator["subprocess.Popen[bytes]"]:
        """Run a keeper in a process of its own, to the end of the body or its own."""
        command = [sys.executable, "-m", "handrail", "run", "keeper"]
        command += ["--project", str(self.folder), "--broker", self.bootstrap]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def ready(self) -> None:
        """Wait until a keeper has every partition."""
        deadline_s = time.monotonic() + WITHIN_S
        while not any(
            note.state is ProcessState.READY and note.alive for _, note in notes(self.folder)
        ):
            if time.monotonic() > deadline_s:
                raise TimeoutError("a keeper is ready")
            await asyncio.sleep(0.05)

    def writers(self, keys: int) -> Writers:
        """Give writers of so many keys."""
        names = [f"k/{number}" for number in range(keys)]
        return Writers(self.bus, self.namespace, SPACE, AGENT, names)


@asynccontextmanager
async def project(bootstrap: str, partitions: int) -> AsyncGenerator[Project]:
    """Lay the project out, with so many partitions."""
    namespace = f"bench{secrets.token_hex(3)}"
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
            folder = Path(name) / "team"
            shutil.copytree(TEAM, folder)
            settings = f'namespace = "{namespace}"\nintake = "notes"\npartitions = {partitions}\n'
            (folder / "handrail.toml").write_text(settings, encoding="utf-8")
            team = load_team(folder).description(intake="notes")
            await apply(bus.admin, needed(team, Layout(namespace, partitions, None)))
            yield Project(bus, folder, bootstrap, namespace)
    finally:
        await bus.close()


async def rate(bootstrap: str, *, calls: int) -> list[Figure]:
    """Keep one partition busy, and count what it writes."""
    async with project(bootstrap, 1) as place:
        with place.keeper() as process:
            await place.ready()
            await place.writers(IN_FLIGHT).run(IN_FLIGHT, 4)
            # So many keys that most calls are the first of theirs, and write.
            load = place.writers(20 * calls)
            began_s, began_cpu_s = time.monotonic(), processor_s(process.pid)
            await load.run(IN_FLIGHT, calls // IN_FLIGHT, seed=2)
            took_s = time.monotonic() - began_s
            cpu_s = processor_s(process.pid) - began_cpu_s
    written = sum(one.result == "ok" for one in load.calls)
    what = "compare-and-sets of one partition, batched"
    beside = f"{written} written, {IN_FLIGHT} in flight"
    n = len(load.calls)
    return [
        Figure(what, n / took_s, "/s", n, RATE_PROMISED, at_least=True, beside=beside),
        Figure("processor time of the keeper for each of them", cpu_s / n * 1e6, "µs", n),
    ]


def processor_s(pid: int) -> float:
    """Give how much processor time a process has had, on Linux; elsewhere 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def latency(bootstrap: str, *, calls: int) -> list[Figure]:
    """Call one after the other, and take the time of each."""
    async with project(bootstrap, 1) as place:
        with place.keeper():
            await place.ready()
            await place.writers(8).run(1, 20)
            load = place.writers(8)
            await load.run(1, calls, seed=2)
    took_ms = sorted((one.return_ns - one.call_ns) / 1e6 for one in load.calls)
    last = took_ms[math.ceil(len(took_ms) * 0.99) - 1]
    n = len(took_ms)
    return [
        Figure("one compare-and-set at low load, median", took_ms[n // 2], "ms", n),
        Figure("one compare-and-set at low load, p99", last, "ms", n, LATENCY_MS_PROMISED),
    ]


async def lost_updates(bootstrap: str, history: Path, *, writers: int, each: int) -> list[Figure]:
    """Kill the keeper while many write the same keys; judge the history that they saw."""
    total = writers * each
    async with project(bootstrap, 12) as place:
        load = place.writers(50)

        async def killing() -> None:
            for number in range(1, KILLS + 1):
                with place.keeper() as process:
                    await load.returned(number * total // (KILLS + 1))
                    process.kill()
            with place.keeper():
                await load.returned(total)

        await asyncio.gather(load.run(writers, each), killing())
        found = faults(load.calls, await load.kept())
    write_calls(history, load.calls)
    for fault in found[:20]:
        sys.stderr.write(f"{fault}\n")
    written = sum(one.result == "ok" for one in load.calls)
    unknown = sum(one.result == "unknown" for one in load.calls)
    beside = f"{written} written, {unknown} unanswered, {writers} writers, {KILLS} kills"
    return [Figure("faults in the history of 50 keys", len(found), "", total, 0.0, beside=beside)]
