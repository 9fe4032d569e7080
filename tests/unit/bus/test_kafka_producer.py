"""What the edge to Kafka refuses and notices before and beside the broker."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.errors import InvalidTxnState, TopicAuthorizationFailedError
from aiokafka.producer import sender

from handrail.bus.kafka import KafkaBus
from handrail.bus.kafka_batches import Batch
from handrail.bus.kafka_producer import (
    CONCURRENT_TRANSACTIONS_WAIT_S,
    KafkaLaneProducer,
    tune_transactions,
)
from handrail.bus.port import NOT_ALLOWED
from handrail.bus.where import Connection
from handrail.errors import BrokerUnreachable, TopicAway
from handrail.errors.transport import AiokafkaUnchecked
from handrail.wire.record import Outgoing, TopicPartition


def test_a_version_of_aiokafka_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked) as refused:
        tune_transactions("0.15.0")

    assert "0.15.0" in refused.value.what


def test_the_installed_version_is_tuned() -> None:
    tune_transactions(aiokafka.__version__)

    assert sender.BACKOFF_OVERRIDE == CONCURRENT_TRANSACTIONS_WAIT_S


def test_a_python_without_asserts_is_refused_before_anything_is_sent() -> None:
    script = (
        "from handrail.bus.kafka import KafkaBus\nfrom handrail.bus.where import Connection\n"
        "KafkaBus(Connection('127.0.0.1:1', 'PLAINTEXT'))"
    )

    done = subprocess.run(
        [sys.executable, "-O", "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "HR-NET-005" in done.stderr


async def test_a_broker_that_is_not_there_is_named() -> None:
    bus = KafkaBus(Connection("127.0.0.1:1", "PLAINTEXT"))

    with pytest.raises(BrokerUnreachable) as unreachable:
        await bus.start()

    assert "127.0.0.1:1" in unreachable.value.what
    await bus.close()


class Forbidding:
    """What aiokafka 0.14 says on Kafka 4.2 where this user may not write to one of the topics."""

    async def send_batch(
        self, builder: object, topic: str, *, partition: int
    ) -> "asyncio.Future[Any]":
        del builder, partition
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shut = topic == "shut"
        sent.set_exception(TopicAuthorizationFailedError(topic) if shut else InvalidTxnState())
        return sent


@pytest.mark.parametrize("topics", [("shut", "journal"), ("journal", "shut")])
async def test_a_topic_to_which_this_user_may_not_write_is_named_wherever_it_stands(
    topics: tuple[str, str],
) -> None:
    records = [Outgoing(topic, b"k", b"v", partition=0) for topic in topics]
    batches = [
        Batch(TopicPartition(topic, 0), SimpleNamespace(), [index])
        for index, topic in enumerate(topics)
    ]
    producer = object.__new__(KafkaLaneProducer)  # without a client of its own
    producer._producer = Forbidding()

    with pytest.raises(TopicAway) as away:
        await producer._send(batches, records)

    assert away.value.facts == {
        "topic": "shut",
        "index": topics.index("shut"),
        "reason": NOT_ALLOWED,
    }
