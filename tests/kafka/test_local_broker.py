"""The broker of the tests is a real one that serves real clients."""

import uuid

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from handrail.bus.settings import BrokerSettings, Settings
from handrail.cli.broker import connected
from handrail.cli.checks import State, ends_of_transactions


def test_a_transaction_of_a_foreign_client_is_read_back_by_a_reader_of_committed_records(
    broker: str,
) -> None:
    name = f"broker-test-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(10)
    producer = Producer({"bootstrap.servers": broker, "transactional.id": name})
    reader = Consumer(
        {"bootstrap.servers": broker, "group.id": name, "auto.offset.reset": "earliest"}
    )

    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(name, key="k", value="v")
    producer.commit_transaction(10)
    reader.subscribe([name])
    record = reader.poll(20)
    reader.close()

    assert record is not None
    assert (record.key(), record.value()) == (b"k", b"v")


async def test_the_broker_that_handrail_starts_keeps_the_ends_of_transactions(broker: str) -> None:
    settings = Settings(namespace="desk", broker=BrokerSettings(bootstrap=broker))

    async with connected(settings) as bus:
        outcome = await ends_of_transactions(settings, bus)

    assert outcome.state is State.OK, outcome.finding
