"""Reads all of `ns.control` into the switches of one process, for as long as it runs.

Guarantee: once `start` has returned, every switch that stood on the topic when it was called is
known; later ones follow within moments. While the broker cannot be reached the switches stay as
they were. Records of cancels whose time is over are deleted by whichever process starts next.
"""

import asyncio

import structlog

from handrail.bus.port import Bus, Tail
from handrail.errors import BrokerUnreachable, RecordRefused, TopicsMissing
from handrail.lane.switches import Switches
from handrail.runtime.clock import Clock
from handrail.wire.record import Outgoing, TopicPartition

log = structlog.get_logger("handrail.control")

POLL_S = 1.0
AGAIN_S = 1.0
DELETED_COUNT_MAX = 500  #: at one start


class Control:
    """The switches of one process. Every method belongs to the event loop's thread."""

    def __init__(self, bus: Bus, topic: str, clock: Clock) -> None:
        """Know nothing yet."""
        self.switches = Switches()
        self._bus = bus
        self._topic = topic
        self._clock = clock
        self._positions: dict[TopicPartition, int] = {}
        self._tail: Tail | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the topic to its end as it stands now, and go on reading it.

        Raises TopicsMissing and BrokerUnreachable.
        """
        counts = await self._bus.admin.topics()
        if self._topic not in counts:
            raise TopicsMissing(count=1, topics=self._topic)
        offsets = await self._bus.admin.offsets(self._topic)
        places = {TopicPartition(self._topic, number): found for number, found in offsets.items()}
        self._positions = {where: begin for where, (begin, _) in places.items()}
        tail = await self._open()
        while any(tail.position(where) < end for where, (_, end) in places.items()):
            await self._take_from(tail)
        await self._delete_old()
        self._reading = asyncio.create_task(self._read(), name=f"read {self._topic}")

    def check_alive(self) -> None:
        """Raise what ended the reading, if anything has."""
        if self._reading is not None and self._reading.done():
            self._reading.result()

    async def close(self) -> None:
        """Stop reading."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await self._shut()

    # ---- inside

    async def _read(self) -> None:
        while True:
            try:
                await self._take_from(self._tail or await self._open())
            except BrokerUnreachable as error:
                log.warning("switches are not read", topic=self._topic, why=str(error))
                await self._shut()
                await asyncio.sleep(AGAIN_S)
            self.switches.expire(self._clock.now_ms())

    async def _open(self) -> Tail:
        self._tail = await self._bus.tail(self._positions)
        return self._tail

    async def _take_from(self, tail: Tail) -> None:
        for record in await tail.poll(timeout_s=POLL_S):
            self.switches.take(record)
            self._positions[record.where] = record.offset + 1

    async def _delete_old(self) -> None:
        """Delete what nobody needs; each opening of a task has a key of its own, so it is safe."""
        for key in self.switches.expire(self._clock.now_ms())[:DELETED_COUNT_MAX]:
            try:
                await self._bus.sender().send(Outgoing(self._topic, key, None))
            except (BrokerUnreachable, RecordRefused) as error:
                log.warning("an old switch was not deleted", topic=self._topic, why=str(error))
                return

    async def _shut(self) -> None:
        tail, self._tail = self._tail, None
        if tail is not None:
            await tail.close()
