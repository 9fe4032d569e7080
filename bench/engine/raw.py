"""The same work without the engine: a plain aiokafka loop that reads, writes and commits.

`python -m bench.engine.raw BOOTSTRAP READS WRITES RECORDS` relays one topic to another, at most
RECORDS records a transaction, until it is ended. Its client is tuned as the engine's is, and all
partitions share one transaction, which the engine's lanes do not.
"""

import asyncio
import sys

import aiokafka
import uvloop
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from handrail.bus.kafka_producer import RETRY_BACKOFF_MS, tune_transactions

READY = "ready"


async def relay(bootstrap: str, reads: str, writes: str, records_max: int) -> None:
    """Relay for ever; says `ready` once the group has given it its partitions."""
    group = f"{reads}.raw"
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=group, retry_backoff_ms=RETRY_BACKOFF_MS
    )
    consumer = aiokafka.AIOKafkaConsumer(
        reads,
        bootstrap_servers=bootstrap,
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    await producer.start()
    await consumer.start()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    while True:
        found = await consumer.getmany(timeout_ms=500, max_records=records_max)
        if not found:
            continue
        async with producer.transaction():
            sent = [
                await producer.send(writes, record.value, record.key, headers=record.headers)
                for records in found.values()
                for record in records
            ]
            await asyncio.gather(*sent)
            offsets = {
                TopicPartition(*where): OffsetAndMetadata(records[-1].offset + 1, "")
                for where, records in found.items()
            }
            await producer.send_offsets_to_transaction(offsets, group)


if __name__ == "__main__":
    tune_transactions(aiokafka.__version__)
    uvloop.run(relay(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
