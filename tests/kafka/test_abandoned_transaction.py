"""What a real Kafka does with a transaction that its producer has left open and never ends."""

import pytest
from aiokafka.errors import ProducerFenced

from handrail.bus.kafka_producer import KafkaLaneProducer
from handrail.bus.port import TopicSpec
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.ground import Ground
from tests.waiting import until

SHORT_MS = 1_000  #: in place of ten seconds, so that the test is quick


async def test_a_transaction_that_nobody_ends_is_ended_by_the_broker_and_never_read(
    broker: str,
) -> None:
    ground = Ground.on_kafka(broker)
    async with ground.bus() as bus:
        where = TopicPartition(ground.topic("out"), 0)
        await bus.admin.create([TopicSpec(where.topic, 1)])
        producer = bus.lane_producer(f"{ground.namespace}.abandoned")
        assert isinstance(producer, KafkaLaneProducer)
        client = producer._producer
        asked_for = client._txn_manager
        assert asked_for.transaction_timeout_ms == 10_000
        asked_for.transaction_timeout_ms = SHORT_MS
        await producer.init(deadline_s=30)
        await client.begin_transaction()
        left = await client.send_and_wait(where.topic, b"left", partition=0)
        after = Outgoing(where.topic, b"k", b"after", partition=0)
        _, offset = await bus.sender().send(after)
        assert left.offset < offset
        assert await bus.end_offset(where) == left.offset, "readers wait for it"

        async def is_decided() -> bool:
            return await bus.end_offset(where) > offset

        # The broker looks for such transactions every ten seconds.
        await until(is_decided, within_s=40, what="the broker has ended it")
        found = [record.value async for record in bus.fetch(where, 0, offset + 1)]
        assert found == [b"after"]
        with pytest.raises(ProducerFenced):
            await client.commit_transaction()
