"""How the records of a transaction become batches: by partition, in order, none left out."""

from aiokafka.producer.message_accumulator import BatchBuilder

from handrail.bus.kafka_batches import Batch, batches_of, size_of
from handrail.bus.murmur2 import partition_for
from handrail.wire.record import Outgoing, TopicPartition

BATCH_BYTES = 1_000


class Producer:
    """Makes aiokafka's own batches, small ones."""

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0, is_transactional=1)


def batches(*records: Outgoing) -> list[Batch]:
    return batches_of(Producer(), records, {"a": 12, "b": 3})


def test_records_of_one_partition_share_a_batch_in_their_order() -> None:
    found = batches(
        Outgoing("a", b"k", b"1", partition=4),
        Outgoing("b", b"k", b"2", partition=0),
        Outgoing("a", b"l", b"3", partition=4),
    )

    assert [(batch.where, batch.indexes) for batch in found] == [
        (TopicPartition("a", 4), [0, 2]),
        (TopicPartition("b", 0), [1]),
    ]


def test_without_a_partition_the_key_decides_as_in_every_kafka_client() -> None:
    found = batches(Outgoing("a", b"task-1", b"1"), Outgoing("a", b"task-2", b"2"))

    places = {batch.where.partition for batch in found}
    assert places == {partition_for(b"task-1", 12), partition_for(b"task-2", 12)}


def test_records_without_key_and_partition_are_spread() -> None:
    found = batches(*(Outgoing("b", None, b"x") for _ in range(6)))

    assert sorted(batch.where.partition for batch in found) == [0, 1, 2]


def test_a_full_batch_is_followed_by_another_of_the_same_partition() -> None:
    found = batches(*(Outgoing("a", b"k", b"x" * 300, partition=1) for _ in range(7)))

    assert {batch.where for batch in found} == {TopicPartition("a", 1)}
    assert [index for batch in found for index in batch.indexes] == list(range(7))
    assert len(found) > 2


def test_a_record_that_is_larger_than_a_batch_has_one_of_its_own() -> None:
    huge = Outgoing("a", b"k", b"x" * 50_000, partition=1)

    found = batches(Outgoing("a", b"k", b"1", partition=1), huge)

    assert [batch.indexes for batch in found] == [[0], [1]]
    assert size_of(huge) > 50_000


def test_of_a_refused_batch_the_largest_record_is_named() -> None:
    records = [Outgoing("a", b"k", b"x" * n, partition=1) for n in (1, 90, 30)]

    (batch,) = batches(*records)

    assert batch.largest(records) == 1
