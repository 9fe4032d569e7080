"""A large body behind somebody else's open transaction is waited for, never declared gone."""

import asyncio
import uuid

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.runtime.worker.packing import fetch_body
from handrail.wire.claim import chunk, claim_of
from handrail.wire.codec import CLAIM_TYPE, CONTENT_TYPE
from handrail.wire.record import Outgoing, Record

BODY = b"x" * 100_000


async def test_a_claim_behind_an_open_transaction_is_read_once_that_is_settled(broker: str) -> None:
    topic = f"blobs-{uuid.uuid4().hex[:8]}"
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    await bus.admin.create([TopicSpec(topic, 1)])
    left_open, writer = bus.lane_producer(f"{topic}-dead"), bus.lane_producer(f"{topic}-alive")
    await left_open.init(deadline_s=10)
    await writer.init(deadline_s=10)
    await left_open._producer.begin_transaction()
    await left_open._producer.send_and_wait(topic, b"never decided", partition=0)
    chunks = chunk(BODY, topic, 1)
    offsets = await writer.commit(chunks)
    claim = claim_of(chunks, offsets[0])
    headers = ((CONTENT_TYPE, CLAIM_TYPE.encode()),)
    record = Record("inbox", 0, 0, 0, None, claim.encode(), headers)

    reading = asyncio.create_task(fetch_body(bus, topic, record))
    successor = bus.lane_producer(f"{topic}-dead")
    await writer.commit([Outgoing(topic, b"later", b"later", (), 0)])
    assert not reading.done()
    await successor.init(deadline_s=10)

    assert await reading == BODY
    for one in (left_open, writer, successor):
        await one.close()
    await bus.close()
