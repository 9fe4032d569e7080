"""Which requests of a transaction leave a doubt behind, and which are repeated every day."""

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    TxnOffsetCommitRequest,
)

from handrail.bus.kafka_exchange import Exchange

PRODUCE = ProduceRequest(transactional_id="id", required_acks=-1, timeout=1, topics=[])
ADD_PARTITIONS = AddPartitionsToTxnRequest("id", 1, 0, [])
ADD_OFFSETS = AddOffsetsToTxnRequest("id", 1, 0, "group")
OFFSETS = TxnOffsetCommitRequest("id", "group", 1, 0, [])
END = EndTxnRequest("id", 1, 0, True)
EVERY = [PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, OFFSETS, END]
LOOK_UP = FindCoordinatorRequest("id", 1)


class Client:
    """Answers every request alike."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def send(self, node: int, request: object, **options: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Whole:
    """An answer to the request as a whole."""

    def __init__(self, code: int) -> None:
        self.error_code = code


class PerPartition:
    """An answer for one partition, as a coordinator gives it."""

    def __init__(self, code: int) -> None:
        self.errors = [("topic", [(0, code)])]


class Appended:
    """An answer to records for one partition."""

    def __init__(self, code: int) -> None:
        self.topics = [("topic", [(0, code, -1, -1)])]


async def doubts_after(request: object, answer: object) -> int:
    client = Client(answer)
    exchange = Exchange(client)
    try:
        await client.send(1, request)
    except (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError):
        assert isinstance(answer, Exception)
    return exchange.doubts


@pytest.mark.parametrize(
    ("answer", "doubts"),
    [
        (Appended(0), 0),
        (Appended(19), 0),  # NOT_ENOUGH_REPLICAS: not appended, so a repeat is harmless
        (Appended(6), 0),  # NOT_LEADER_OR_FOLLOWER: its sequence number keeps it single
        (Appended(7), 1),  # REQUEST_TIMED_OUT: appended, perhaps
        (Appended(20), 1),  # NOT_ENOUGH_REPLICAS_AFTER_APPEND: appended
        (Appended(46), 1),  # DUPLICATE_SEQUENCE_NUMBER: appended earlier, and nobody knows where
    ],
)
async def test_records_that_may_have_been_appended_unseen_are_counted(
    answer: object, doubts: int
) -> None:
    assert await doubts_after(PRODUCE, answer) == doubts


@pytest.mark.parametrize(
    ("code", "of_partitions", "of_offsets", "of_the_end"),
    [
        (0, 0, 0, 0),
        (51, 0, 0, 0),  # CONCURRENT_TRANSACTIONS: the one before is still being ended
        (14, 0, 0, 1),  # COORDINATOR_LOAD_IN_PROGRESS: an end may have been written before
        (16, 0, 0, 1),  # NOT_COORDINATOR: the same
        (15, 1, 1, 1),  # COORDINATOR_NOT_AVAILABLE: its log took it too slowly, perhaps
        (7, 1, 1, 1),  # REQUEST_TIMED_OUT
    ],
)
async def test_what_a_coordinator_may_have_written_unseen_is_counted(
    code: int, of_partitions: int, of_offsets: int, of_the_end: int
) -> None:
    assert await doubts_after(ADD_PARTITIONS, PerPartition(code)) == of_partitions
    assert await doubts_after(OFFSETS, PerPartition(code)) == of_offsets
    assert await doubts_after(ADD_OFFSETS, Whole(code)) == of_partitions
    assert await doubts_after(END, Whole(code)) == of_the_end


@pytest.mark.parametrize("request_", EVERY, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    ("failure", "doubts"),
    [(NodeNotReadyError(), 0), (RequestTimedOutError(), 1), (KafkaConnectionError(), 1)],
    ids=lambda one: type(one).__name__,
)
async def test_every_request_of_a_transaction_counts_that_left_without_an_answer(
    request_: object, failure: Exception, doubts: int
) -> None:
    assert await doubts_after(request_, failure) == doubts


async def test_a_look_up_without_an_answer_says_nothing_about_a_transaction() -> None:
    assert await doubts_after(LOOK_UP, KafkaConnectionError()) == 0
