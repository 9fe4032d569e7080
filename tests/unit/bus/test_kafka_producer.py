"""What the edge to Kafka refuses and notices before and beside the broker."""

import aiokafka
import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.producer import sender
from aiokafka.protocol.produce import ProduceRequest

from handrail.bus.kafka import KafkaBus
from handrail.bus.kafka_producer import (
    CONCURRENT_TRANSACTIONS_WAIT_S,
    Exchange,
    tune_transactions,
)
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


class Client:
    """Answers every request alike."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def send(self, node: int, request: object, **options: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Answer:
    """A broker's answer to records for one partition."""

    def __init__(self, code: int) -> None:
        self.topics = [("topic", [(0, code, -1, -1)])]


PRODUCE = ProduceRequest(transactional_id="id", required_acks=-1, timeout=1, topics=[])


@pytest.mark.parametrize(
    ("answer", "doubts"),
    [
        (Answer(0), 0),
        (Answer(19), 0),  # NOT_ENOUGH_REPLICAS: not appended, so a repeat is harmless
        (Answer(6), 0),  # NOT_LEADER_OR_FOLLOWER: the same
        (Answer(7), 1),  # REQUEST_TIMED_OUT: appended, perhaps
        (Answer(20), 1),  # NOT_ENOUGH_REPLICAS_AFTER_APPEND: appended
        (NodeNotReadyError(), 0),
        (RequestTimedOutError(), 1),
        (KafkaConnectionError(), 1),
    ],
)
async def test_a_request_that_may_have_been_carried_out_unseen_is_counted(
    answer: object, doubts: int
) -> None:
    client = Client(answer)
    exchange = Exchange(client)

    try:
        await client.send(1, PRODUCE)
    except (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError):
        assert isinstance(answer, Exception)

    assert exchange.doubts == doubts
