"""Where a fault test plays: a project, its namespace on the broker, and what lies there."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Tail
from handrail.wire.record import Outgoing, TopicPartition

PARTITIONS = 4
CUSTOMERS = 7


@dataclass(frozen=True)
class Ground:
    """One namespace of a broker, for one test alone."""

    bus: KafkaBus
    namespace: str
    folder: Path

    def topic(self, name: str) -> str:
        """Name a topic as the broker does."""
        return f"{self.namespace}.{name}"

    def order(self, number: int, *, pieces: int = 0) -> Outgoing:
        """Give the record of an order as a foreign client writes it; every second has a key."""
        body = {"number": number, "customer": f"c{number % CUSTOMERS}", "pieces": pieces}
        key = f"order-{number}".encode() if number % 2 else None
        return Outgoing(self.topic("orders"), key, orjson.dumps(body))

    async def submit(self, orders: Iterable[Outgoing]) -> None:
        """Hand orders in."""
        sender = self.bus.sender()
        await asyncio.gather(*(sender.send(order) for order in orders))

    async def reader(self, name: str) -> "Reader":
        """Follow a topic from its first record."""
        positions = {TopicPartition(self.topic(name), p): 0 for p in range(PARTITIONS)}
        return Reader(await self.bus.tail(positions))


class Reader:
    """Collects what is committed to a topic."""

    def __init__(self, tail: Tail) -> None:
        """Nothing was read yet."""
        self._tail = tail
        self.bodies: list[bytes] = []

    async def count(self) -> int:
        """Read on, and say how many records there were in all."""
        self.bodies += [record.value or b"" for record in await self._tail.poll(timeout_s=0.2)]
        return len(self.bodies)
