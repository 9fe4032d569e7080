"""What a promise needs to run on either bus: fresh connections and a namespace of its own."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from aiokafka.admin import NewPartitions

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.kafka import KafkaBus
from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.port import Bus, TopicSpec
from handrail.bus.where import Connection
from handrail.ledger.event import Event
from handrail.ledger.event_record import encode
from handrail.wire.record import Record, TopicPartition

PARTITIONS = 3


@dataclass(frozen=True)
class Ground:
    """A broker on which a test may do as it likes within its namespace."""

    connect: Callable[[], Awaitable[Bus]]
    namespace: str

    @classmethod
    def in_memory(cls) -> Self:
        """Stand on a broker of its own in this process."""
        broker = InProcessBroker(lambda: time.time_ns() // 1_000_000)

        async def connect() -> Bus:
            bus = InProcessBus(broker)
            await bus.start()
            return bus

        return cls(connect, "ns")

    @classmethod
    def on_kafka(cls, bootstrap: str) -> Self:
        """Stand on a real broker, in a namespace of its own."""

        async def connect() -> Bus:
            bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
            await bus.start()
            return bus

        return cls(connect, f"t{uuid.uuid4().hex[:8]}")

    def topic(self, name: str) -> str:
        """Name a topic as the broker does."""
        return f"{self.namespace}.{name}"

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """Give a connection of its own, closed afterwards."""
        bus = await self.connect()
        try:
            yield bus
        finally:
            await bus.close()

    async def prepare(self, bus: Bus, *names: str, compacted: Sequence[str] = ()) -> None:
        """Create topics with three partitions."""
        plain = [TopicSpec(self.topic(name), PARTITIONS) for name in names]
        settings = {"cleanup.policy": "compact"}
        kept = [TopicSpec(self.topic(n), PARTITIONS, settings=settings) for n in compacted]
        await bus.admin.create([*plain, *kept])

    async def delete(self, bus: Bus, name: str) -> None:
        """Delete a topic, as people do by hand; return once nobody is told of it."""
        topic = self.topic(name)
        if isinstance(bus, InProcessBus):
            bus.broker.delete_topic(topic)
            return
        assert isinstance(bus.admin, KafkaAdmin)
        await bus.admin.delete_topics([topic])
        while topic in await bus.admin.topics():
            pass

    async def widen(self, bus: Bus, name: str, count: int) -> None:
        """Give a topic as many partitions as that, as people do by hand; return once it has them.

        Who reads it in a group is told within the five minutes for which a client takes what it
        knows of topics as given: a test that waits for that has another member join.
        """
        topic = self.topic(name)
        if isinstance(bus, InProcessBus):
            bus.broker.add_partitions(topic, count)
            return
        assert isinstance(bus.admin, KafkaAdmin)
        await bus.admin._client.create_partitions({topic: NewPartitions(count)})
        while (await bus.admin.topics())[topic] < count:
            pass

    async def tell(self, bus: Bus, *events: Event) -> None:
        """Write events to the ledger one after the other."""
        for event in events:
            await bus.sender().send(encode(event, self.topic("ledger")))

    async def records(self, bus: Bus, name: str) -> list[Record]:
        """Read a whole topic, partition by partition."""
        found: list[Record] = []
        for partition in range(PARTITIONS):
            where = TopicPartition(self.topic(name), partition)
            begin, end = await bus.begin_offset(where), await bus.end_offset(where)
            found += [record async for record in bus.fetch(where, begin, end)]
        return found
