"""Writes records whose headers have names that are no text, as a client of another kind may."""

from dataclasses import replace
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.record import default_records

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus
from handrail.wire.record import Outgoing

BuilderInPlainPython: Any = vars(default_records)["_DefaultRecordBatchBuilderPy"]
BATCH_BYTES = 1_000_000


class RawName(str):
    """A header's name that is written as these very bytes."""

    __slots__ = ("raw",)

    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        made = super().__new__(cls, raw.decode("latin-1"))
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return self.raw


def name_of(text: str) -> str:
    """Give the name that is written as the bytes that half characters stand for."""
    return RawName(text.encode(errors="surrogateescape"))


async def write_raw(bus: Bus, *records: Outgoing) -> None:
    """Write records as one batch to partition 0; half characters in a name stand for bytes."""
    if not isinstance(bus, KafkaBus):
        for record in records:
            await bus.sender().send(replace(record, partition=0))
        return
    producer: Any = AIOKafkaProducer(bootstrap_servers=bus.bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = BuilderInPlainPython(2, 0, 0, -1, -1, 0, BATCH_BYTES)
        for record in records:
            headers = [(name_of(name), value) for name, value in record.headers]
            batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        batch.close()
        await (await producer.send_batch(batch, records[0].topic, partition=0))
    finally:
        await producer.stop()
