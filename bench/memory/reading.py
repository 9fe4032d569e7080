"""Measures filling a view of memory and searching it: `python -m bench.memory.reading [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import asyncio
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
import structlog
import uvloop

from bench.engine.figure import Figure, machine
from bench.memory.corpus import Corpus
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.testing.broker import broker_for_tests
from handrail.wire.memory import (
    APPLIED_KEY,
    HISTORY,
    NOTHING_WRITTEN,
    AppliedMark,
    space_topic,
)
from handrail.wire.record import Outgoing

RESULTS = Path(__file__).with_name("reading.json")
NAMESPACE, SPACE, PARTITIONS = "bench", "facts", 12
TENANTS = ["acme", "others"]
BATCH_COUNT = 500  #: records of one transaction of the keeper
ROUNDS, QUESTIONS = 3, 500
QUESTION_WORDS = (2, 8)
LOG_S_MAX, SNAPSHOT_S_MAX, SEARCH_MS_MAX = 10.0, 2.0, 15.0


async def _write(bus: KafkaBus, corpus: Corpus, count: int) -> None:
    """Write records, their history and marks as a keeper does."""
    topic, history = f"{NAMESPACE}.{space_topic(SPACE)}", f"{NAMESPACE}.{HISTORY}"
    kept = {"cleanup.policy": "compact", "delete.retention.ms": str(7 * 86_400_000)}
    specs = [TopicSpec(topic, PARTITIONS, settings=kept), TopicSpec(history, PARTITIONS)]
    await bus.admin.create(specs)
    producer = bus.lane_producer(f"{NAMESPACE}.keeper")
    await producer.init(deadline_s=30)
    applied = dict.fromkeys(range(PARTITIONS), -1)
    batch: list[Outgoing] = []
    for record in corpus.records(SPACE, TENANTS, count):
        partition = await bus.partition_of(topic, record.key.encode())
        applied[partition] += 1
        body = replace(record, applied=applied[partition]).encode()
        batch.append(Outgoing(topic, record.key.encode(), body, (), partition))
        batch.append(Outgoing(history, record.key.encode(), body, (), partition))
        if len(batch) >= 2 * BATCH_COUNT:
            await producer.commit([*batch, *_marks(topic, applied)], deadline_s=30)
            batch = []
    await producer.commit([*batch, *_marks(topic, applied)], deadline_s=30)
    await producer.close()


def _marks(topic: str, applied: dict[int, int]) -> list[Outgoing]:
    return [
        Outgoing(
            topic,
            APPLIED_KEY,
            AppliedMark(applied=at, spaces={SPACE: at}, history=at).encode(),
            (),
            partition,
        )
        for partition, at in applied.items()
    ]


async def _filled(
    bus: KafkaBus, folder: Path, saved_from: int = 1 << 60
) -> tuple[MemoryView, float]:
    """Give a view, and how long it took to be current."""
    view = MemoryView(bus, ViewSettings(NAMESPACE, [SPACE], folder, saved_from=saved_from))
    begun_s = time.perf_counter()
    await view.start()
    return view, time.perf_counter() - begun_s


async def _rebuilds(bus: KafkaBus, folder: Path, count: int) -> list[Figure]:
    from_log: list[float] = []
    busy_s = time.process_time()
    for _ in range(ROUNDS):
        view, took_s = await _filled(bus, folder)
        from_log.append(took_s)
        await view.close()
        _delete_view(folder)
    beside = f"{(time.process_time() - busy_s) / ROUNDS:.1f} s of processor time"
    view, _ = await _filled(bus, folder, saved_from=1)
    await asyncio.to_thread(_wait_for_snapshot, folder / "snapshots")
    await view.close()
    from_snapshot: list[float] = []
    for _ in range(ROUNDS):
        _delete_view(folder)
        view, took_s = await _filled(bus, folder)
        from_snapshot.append(took_s)
        await view.close()
    size = f"{count:,} records".replace(",", " ")
    return [
        Figure(
            f"{size} from the topics, median",
            _median(from_log),
            "s",
            ROUNDS,
            LOG_S_MAX,
            beside=beside,
        ),
        Figure(
            f"{size} from a snapshot, median", _median(from_snapshot), "s", ROUNDS, SNAPSHOT_S_MAX
        ),
    ]


async def _searches(bus: KafkaBus, folder: Path, corpus: Corpus, count: int) -> list[Figure]:
    view, _ = await _filled(bus, folder)
    took_ms: list[float] = []
    busy_ms: list[float] = []
    found = 0
    for number in range(QUESTIONS):
        low, high = QUESTION_WORDS
        question = corpus.text(low + number % (high - low + 1))
        begun_s, begun_busy_s = time.perf_counter(), time.thread_time()
        hits = await view.search(SPACE, "acme/", question, 10, wanted=NOTHING_WRITTEN)
        took_ms.append((time.perf_counter() - begun_s) * 1000)
        busy_ms.append((time.thread_time() - begun_busy_s) * 1000)
        found += bool(hits)
    await view.close()
    took_ms.sort()
    busy_ms.sort()
    what = f"search of {count // len(TENANTS):,} records of one tenant".replace(",", " ")
    at_95 = took_ms[len(took_ms) * 95 // 100]
    busy = busy_ms[len(busy_ms) * 95 // 100]
    beside = f"{busy:.1f} ms of processor time; {found} of {QUESTIONS} found something"
    return [
        Figure(f"{what}, median", _median(took_ms), "ms", QUESTIONS),
        Figure(f"{what}, 95 of 100", at_95, "ms", QUESTIONS, SEARCH_MS_MAX, beside=beside),
    ]


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _wait_for_snapshot(folder: Path) -> None:
    while not list(folder.glob("*.json")):
        time.sleep(0.1)


def _delete_view(folder: Path) -> None:
    for path in folder.glob("view-*.db*"):
        path.unlink()


async def _measured(bootstrap: str, folder: Path, count: int) -> list[Figure]:
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        corpus = Corpus(seed=7)
        await _write(bus, corpus, count)
        figures = await _rebuilds(bus, folder, count)
        return figures + await _searches(bus, folder, corpus, count)
    finally:
        await bus.close()


@click.command()
@click.option("--quick", is_flag=True, help="A tenth of the records; nothing is promised of it.")
def main(*, quick: bool) -> None:
    """Measure, print the table, and write it beside this file unless it was quick."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    on = machine()
    folder = Path(tempfile.mkdtemp(prefix="bench-memory-"))
    try:
        with broker_for_tests() as bootstrap:
            count = 10_000 if quick else 100_000
            figures = uvloop.run(_measured(bootstrap, folder, count))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for figure in figures:
        click.echo(str(figure))
    click.echo(f"  load before: {on['load_before']}")
    if not quick:
        told = {"machine": on, "figures": [asdict(figure) for figure in figures]}
        RESULTS.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)


if __name__ == "__main__":
    main()
