"""Sends the records of one transaction as whole batches, one after another per partition.

aiokafka 0.14: a record that is sent by itself costs a future, a turn of the event loop and a hash
in plain Python. A batch costs one future, and its records' offsets follow from that of the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from handrail.bus.murmur2 import partition_for
from handrail.wire.record import Outgoing, TopicPartition


@dataclass(slots=True)
class Batch:
    """Records of one partition, in order."""

    where: TopicPartition
    builder: Any
    indexes: list[int] = field(default_factory=list[int])  #: their places among all records

    def largest(self, records: Sequence[Outgoing]) -> int:
        """Give the index of the record that most likely made a broker refuse the batch."""
        return max(self.indexes, key=lambda index: len(records[index].value or b""))


def size_of(record: Outgoing) -> int:
    """Give the bytes that a record takes in a request."""
    headers: list[tuple[str, bytes | None]] = [*record.headers]
    size = DefaultRecordBatchBuilder.estimate_size_in_bytes(record.key, record.value, headers)
    return int(size)


def batches_of(
    producer: Any, records: Sequence[Outgoing], partition_counts: dict[str, int]
) -> list[Batch]:
    """Put records into batches; the batches of one partition follow in the order of its records."""
    batches: list[Batch] = []
    filling: dict[TopicPartition, Batch] = {}
    for index, record in enumerate(records):
        where = _place(record, index, partition_counts[record.topic])
        batch = filling.get(where)
        if batch is None or not _append(batch, record, index):
            batch = filling[where] = Batch(where, producer.create_batch())
            batches.append(batch)
            # aiokafka 0.14: the first record of a batch fits whatever its size.
            fits = _append(batch, record, index)
            assert fits
    return batches


def _place(record: Outgoing, index: int, count: int) -> TopicPartition:
    if record.partition is not None:
        return TopicPartition(record.topic, record.partition)
    partition = index % count if record.key is None else partition_for(record.key, count)
    return TopicPartition(record.topic, partition)


def _append(batch: Batch, record: Outgoing, index: int) -> bool:
    appended = batch.builder.append(
        timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
    )
    if appended is None:
        return False
    batch.indexes.append(index)
    return True
