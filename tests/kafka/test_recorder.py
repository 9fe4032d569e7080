"""A run on a real broker is recorded twice: what was committed, and what was not."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as Place
from aiokafka.structs import OffsetAndMetadata

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import TopicSpec
from handrail.bus.where import Connection
from handrail.chaos import folder
from handrail.chaos.history import AgentFacts, Fate, Run
from handrail.chaos.recorder import Recorder
from handrail.wire.record import TopicPartition

UNDECIDED_S = 1.0


async def test_what_was_aborted_and_what_was_committed_are_told_apart(
    broker: str, tmp_path: Path
) -> None:
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    try:
        await bus.admin.create([TopicSpec("rec.work", 1), TopicSpec("rec.worker.journal", 1)])
        recorder = Recorder(bus, "rec", tmp_path)
        await recorder.begin()
        try:
            await _write(broker)

            await recorder.finish([AgentFacts(name="worker", inboxes=("work",))])
        finally:
            await recorder.close()
    finally:
        await bus.close()
    folder.write_run(Run(namespace="rec", started_ms=0, ended_ms=1), tmp_path)
    history = folder.read(tmp_path)

    log = history.records[TopicPartition("rec.work", 0)]
    assert [(one.record.value, one.fate) for one in log] == [
        (b"kept", Fate.COMMITTED),
        (b"undone", Fate.ABORTED),
        (b"after", Fate.COMMITTED),
    ]
    (offset,) = history.offsets
    assert (offset.group, offset.offset, offset.metadata) == ("rec.worker", 7, "words")
    last = [mark for mark in history.watermarks if mark.topic == "rec.work"][-1]
    assert last.stable == last.end > log[-1].record.offset


async def test_what_is_not_decided_at_the_end_is_waited_for(broker: str, tmp_path: Path) -> None:
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id="rec.open.0")
    await producer.start()
    try:
        await bus.admin.create([TopicSpec("rec.open", 1)])
        recorder = Recorder(bus, "rec", tmp_path)
        await recorder.begin()
        await producer.begin_transaction()
        await (await producer.send("rec.open", b"late", b"k", partition=0))

        finishing = asyncio.create_task(recorder.finish([]))
        done, _ = await asyncio.wait({finishing}, timeout=UNDECIDED_S)
        assert not done
        await producer.commit_transaction()
        await finishing
    finally:
        await producer.stop()
        await bus.close()
    folder.write_run(Run(namespace="rec", started_ms=0, ended_ms=1), tmp_path)

    log = folder.read(tmp_path).records[TopicPartition("rec.open", 0)]
    assert [(one.record.value, one.fate) for one in log] == [(b"late", Fate.COMMITTED)]


async def _write(broker: str) -> None:
    # The engine's own producer leaves no aborted records behind on purpose.
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id="rec.worker.0")
    await producer.start()
    try:
        for body in (b"kept", b"undone", b"after"):
            await producer.begin_transaction()
            await (await producer.send("rec.work", body, b"k", partition=0))
            if body == b"kept":
                offset = {Place("rec.work", 0): OffsetAndMetadata(7, "words")}
                await producer.send_offsets_to_transaction(offset, "rec.worker")
            if body == b"undone":
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
    finally:
        await producer.stop()
