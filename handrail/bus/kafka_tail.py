"""Reading from Kafka outside any group, from positions that are always given."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition as Place
from aiokafka.errors import KafkaError

from handrail.bus.kafka_consumer import as_record, structs
from handrail.bus.stray import stray_cancellations_told
from handrail.errors import BrokerUnreachable
from handrail.wire.record import Record, TopicPartition


class KafkaTail:
    """A reader outside any group. Implements `Tail`."""

    def __init__(self, consumer: Any, positions: Mapping[TopicPartition, int]) -> None:
        """Read from these positions once started."""
        self._consumer = consumer
        self._positions = dict(positions)
        self.closed = False

    async def start(self) -> None:
        """Connect."""
        try:
            with stray_cancellations_told("the broker"):
                await self._consumer.start()
            self._consumer.assign(structs(self._positions))
            for where, offset in self._positions.items():
                self._consumer.seek(Place(*where), offset)
        except BrokerUnreachable:
            await self.close()
            raise
        except (KafkaError, OSError) as error:
            await self.close()
            raise BrokerUnreachable(bootstrap="the broker", reason=str(error)) from error

    async def poll(self, *, timeout_s: float, records_max: int = 500) -> Sequence[Record]:
        """Give committed records in order per partition; empty after the time-out."""
        try:
            with stray_cancellations_told("the broker"):
                found = await self._consumer.getmany(
                    timeout_ms=int(timeout_s * 1000), max_records=records_max
                )
        except KafkaError as error:
            raise BrokerUnreachable(bootstrap="the broker", reason=str(error)) from error
        return [as_record(record) for records in found.values() for record in records]

    def position(self, where: TopicPartition) -> int:
        """The next offset to be read; it moves past transaction markers too."""
        state = self._consumer._subscription.subscription.assignment.state_value(Place(*where))
        return int(state.position) if state.has_valid_position else self._positions[where]

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The ends of its partitions: last stable offsets, or high watermarks with undecided."""
        try:
            with stray_cancellations_told("the broker"):
                found = await self._consumer.end_offsets(structs(self._positions))
        except KafkaError as error:
            raise BrokerUnreachable(bootstrap="the broker", reason=str(error)) from error
        return {TopicPartition(*place): int(end) for place, end in found.items()}

    async def close(self) -> None:
        """Give back sockets."""
        self.closed = True
        # aiokafka 0.14: stopping right after starting cancels a task of its own that has not had
        # its first turn yet, and that cancellation would come out here as if it were ours.
        await asyncio.sleep(0)
        with suppress(BrokerUnreachable), stray_cancellations_told("the broker"):
            await self._consumer.stop()
