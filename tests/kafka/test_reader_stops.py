"""A range read that is broken off gives its reader back, whatever the reader was just doing."""

import asyncio
import uuid

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.wire.record import Outgoing, TopicPartition

TIMES = 20


async def bus_and_record(broker: str) -> tuple[KafkaBus, TopicPartition]:
    """Connect, and write the only record of a partition."""
    where = TopicPartition(f"t{uuid.uuid4().hex[:8]}", 0)
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    await bus.admin.create([TopicSpec(where.topic, 1)])
    await bus.sender().send(Outgoing(where.topic, b"k", b"v"))
    return bus, where


async def test_a_read_that_is_broken_off_at_any_moment_ends_at_once(broker: str) -> None:
    bus, where = await bus_and_record(broker)

    async def read() -> None:
        # Beyond the end, so that the reader always has a request under way.
        async for _ in bus.fetch(where, 0, 1_000):
            seen.set()

    for _ in range(TIMES):
        seen = asyncio.Event()
        reading = asyncio.create_task(read())
        await seen.wait()
        await asyncio.sleep(0)
        reading.cancel()
        ended, _ = await asyncio.wait([reading], timeout=10)
        assert ended, "a reader waits for ever"

    await asyncio.wait_for(bus.close(), timeout=10)


async def test_a_read_that_is_broken_off_twice_leaves_nothing_behind_a_closed_bus(
    broker: str,
) -> None:
    bus, where = await bus_and_record(broker)
    before = asyncio.all_tasks()
    seen = asyncio.Event()

    async def read() -> None:
        async for _ in bus.fetch(where, 0, 1_000):
            seen.set()

    reading = asyncio.create_task(read())
    await seen.wait()
    for _ in range(3):
        reading.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([reading])
    await bus.close()

    left = [one for one in asyncio.all_tasks() - before if not one.done()]
    assert left == []
