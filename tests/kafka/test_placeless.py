"""A member of a group whose library waits for ever for a place joins anew, and lags nobody."""

import asyncio
import uuid
from typing import Any

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.promises.groups import Listener, until


async def test_a_member_that_waits_for_ever_for_a_place_joins_anew(broker: str) -> None:
    topic = f"t{uuid.uuid4().hex[:8]}"
    where = TopicPartition(topic, 0)
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    await bus.admin.create([TopicSpec(topic, 1)])
    listener = Listener()
    consumer: Any = bus.group_consumer(topic, [topic], listener)
    await consumer.start()
    await until(lambda: listener.held == frozenset([where]), consumer)
    before = listener.membership
    assert before is not None

    async def for_ever(_: object) -> bool:
        await asyncio.Event().wait()
        return False

    # Where its coordinator had come back at the moment of its dropping, aiokafka was seen to wait.
    consumer._coordinator._do_rejoin_group = for_ever
    consumer._coordinator.reset_generation()
    await until(lambda: not listener.held, consumer)
    consumer.placeless_s_max = 0.5
    await until(lambda: listener.held == frozenset([where]), consumer)

    after = listener.membership
    assert after is not None
    assert after.member_id != before.member_id
    assert consumer.membership() == after
    consumer.seek(where, 0)
    consumer.resume(where)
    await bus.sender().send(Outgoing(topic, b"k", b"v"))
    read: list[Record] = []
    async with asyncio.timeout(20):
        while not read:
            read += await consumer.poll(timeout_s=0.1, records_max=1)
    assert [record.value for record in read] == [b"v"]
    await bus.close()
