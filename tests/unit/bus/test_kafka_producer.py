"""What the edge to Kafka refuses and notices before and beside the broker."""

import aiokafka
import pytest
from aiokafka.producer import sender

from handrail.bus.kafka import KafkaBus
from handrail.bus.kafka_producer import CONCURRENT_TRANSACTIONS_WAIT_S, tune_transactions
from handrail.bus.where import Connection
from handrail.errors import BrokerUnreachable
from handrail.errors.transport import AiokafkaUnchecked


def test_a_version_of_aiokafka_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked) as refused:
        tune_transactions("0.15.0")

    assert "0.15.0" in refused.value.what


def test_the_installed_version_is_tuned() -> None:
    tune_transactions(aiokafka.__version__)

    assert sender.BACKOFF_OVERRIDE == CONCURRENT_TRANSACTIONS_WAIT_S


async def test_a_broker_that_is_not_there_is_named() -> None:
    bus = KafkaBus(Connection("127.0.0.1:1", "PLAINTEXT"))

    with pytest.raises(BrokerUnreachable) as unreachable:
        await bus.start()

    assert "127.0.0.1:1" in unreachable.value.what
    await bus.close()
