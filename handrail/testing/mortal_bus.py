"""A connection to Kafka that can be killed, for a process that shares its test's own process.

Guarantees: once it is killed nothing more is written through it, outside a transaction that was
under way, and no writing call returns; it can still be closed. One that is killed between the two
sends of a transaction leaves that transaction open. Reading goes on until then.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import (
    TRANSACTION_DEADLINE_S,
    Ahead,
    LaneProducer,
    OffsetCommit,
    Sender,
    Written,
)
from handrail.bus.where import Connection
from handrail.wire.record import Outgoing


@dataclass(slots=True)
class Life:
    """Whether a connection was killed."""

    is_over: bool = False

    async def last(self) -> None:
        """Return while it lives; never afterwards."""
        if self.is_over:
            await asyncio.Event().wait()


class _KilledWithin(Exception):
    """The connection was killed within a transaction, of which nothing more is to be sent."""


class MortalBus(KafkaBus):
    """A connection to one Kafka that can be killed."""

    def __init__(self, connection: Connection) -> None:
        """Connect to nothing yet."""
        super().__init__(connection)
        self._life = Life()

    def kill(self) -> None:
        """Write nothing more."""
        self._life.is_over = True

    def lane_producer(self, transactional_id: str) -> LaneProducer:
        """Make one that writes nothing once this is killed."""
        return MortalProducer(super().lane_producer(transactional_id), self._life)

    def sender(self) -> Sender:
        """The shared sender, which sends nothing once this is killed."""
        return MortalSender(super().sender(), self._life)


@dataclass(frozen=True, slots=True)
class MortalProducer:
    """The producer of one lane. Implements `LaneProducer`."""

    inner: LaneProducer
    life: Life = field(repr=False)

    async def init(self, *, deadline_s: float) -> None:
        """Fence whoever held this transactional id."""
        await self.life.last()
        await self.inner.init(deadline_s=deadline_s)
        await self.life.last()

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all or nothing."""
        await self.life.last()
        written = await self.inner.commit(records, offsets, deadline_s=deadline_s)
        await self.life.last()
        return written

    async def commit_ahead(
        self,
        ahead: Ahead,
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all or nothing, in two sends; nobody decides on it when it is killed in between."""
        await self.life.last()

        def then(places: Sequence[Written]) -> Sequence[Outgoing]:
            rest = ahead.then(places)
            if self.life.is_over:
                raise _KilledWithin
            return rest

        written: list[int] = []
        with contextlib.suppress(_KilledWithin):
            mortal = Ahead(ahead.records, then)
            written = await self.inner.commit_ahead(mortal, offsets, deadline_s=deadline_s)
        await self.life.last()
        return written

    async def close(self) -> None:
        """Give back sockets."""
        await self.inner.close()


@dataclass(frozen=True, slots=True)
class MortalSender:
    """Writes single records outside transactions. Implements `Sender`."""

    inner: Sender
    life: Life = field(repr=False)

    async def send(self, record: Outgoing, *, deadline_s: float = 10.0) -> tuple[int, int]:
        """Give (partition, offset)."""
        await self.life.last()
        written = await self.inner.send(record, deadline_s=deadline_s)
        await self.life.last()
        return written

    async def close(self) -> None:
        """Flush and give back sockets."""
        await self.inner.close()
