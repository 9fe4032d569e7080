"""Measures how long a lane's transactions are open: `python -m bench.transactions [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import asyncio
import logging
import os
import secrets
import time
from pathlib import Path

import click
import uvloop

from bench.engine.figure import Figure, machine, tell_and_keep
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import LaneProducer, OffsetCommit, TopicSpec
from handrail.bus.where import Connection
from handrail.errors import CommitDoubtful
from handrail.testing.broker import broker_for_tests
from handrail.wire.record import Outgoing, TopicPartition

RESULTS = Path(__file__).with_name("results.json")
RECORDS = 4  #: of a transaction that ends a handoff: two events, what is handed on, the journal
BODY = b"x" * 500
OPEN_MS_MAX = 50
WARM_UP = 20
READY_WITHIN_S = 60
LANES = 12


async def _warm(bus: KafkaBus, where: TopicPartition, records: list[Outgoing]) -> LaneProducer:
    """Give a producer that has written; topic and group may have no leader yet at first."""
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            producer = bus.lane_producer(f"{where.topic}.{where.partition}")
            await producer.init(deadline_s=30)
            try:
                for _ in range(WARM_UP):
                    await producer.commit(records, OffsetCommit(where.topic, where, 0, "{}"))
            except CommitDoubtful:
                await producer.close()
            else:
                return producer


async def _open_ms(bus: KafkaBus, topic: str, lane: int, count: int) -> list[float]:
    """Give how long each transaction of one lane took, from its first request to its last."""
    where = TopicPartition(topic, lane)
    records = [Outgoing(topic, b"k", BODY, (), lane)] * RECORDS
    producer = await _warm(bus, where, records)
    took_ms: list[float] = []
    for number in range(1, 1 + count):
        began_s = time.perf_counter()
        await producer.commit(records, OffsetCommit(topic, where, number, "{}"))
        took_ms.append((time.perf_counter() - began_s) * 1000)
    await producer.close()
    return took_ms


async def _measured(bootstrap: str, *, quick: bool) -> list[Figure]:
    count = 300 if quick else 2_000
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    figures: list[Figure] = []
    try:
        for lanes, how in ((1, "one lane"), (LANES, f"{LANES} lanes of one process at once")):
            topic = f"open{secrets.token_hex(3)}.out"
            await bus.admin.create([TopicSpec(topic, lanes)])
            each = [_open_ms(bus, topic, lane, count // lanes) for lane in range(lanes)]
            took_ms = sorted(ms for some in await asyncio.gather(*each) for ms in some)
            n = len(took_ms)
            what = f"a final transaction is open, {how}"
            longest = f"longest {took_ms[-1]:,.0f} ms"
            figures += [
                Figure(f"{what}, median", took_ms[n // 2], "ms", n, OPEN_MS_MAX),
                Figure(
                    "the same, 99th percentile",
                    took_ms[n * 99 // 100],
                    "ms",
                    n,
                    OPEN_MS_MAX,
                    beside=longest,
                ),
            ]
    finally:
        await bus.close()
    return figures


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
def main(*, quick: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {os.getloadavg()[0]:.2f} before the first figure")
    with broker_for_tests() as bootstrap:
        figures = uvloop.run(_measured(bootstrap, quick=quick))
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
