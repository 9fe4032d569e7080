"""A single writer as such, whatever it writes."""

import asyncio
from collections.abc import Sequence

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_consumer import InProcessConsumer
from handrail.bus.port import GroupListener
from handrail.runtime.clock import WallClock
from handrail.runtime.registrar import registrar
from handrail.wire.record import Record
from tests.waiting import until


class Silent(InProcessConsumer):
    """A member of a group to which nothing ever comes, not even the end of its poll."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.waits = asyncio.Event()

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError


class SilentBus(InProcessBus):
    """A connection whose consumers are silent."""

    def __init__(self) -> None:
        super().__init__(InProcessBroker(WallClock().now_ms))
        self.silent: list[Silent] = []

    def group_consumer(self, group: str, topics: Sequence[str], listener: GroupListener) -> Silent:
        self.silent.append(Silent(self.broker, self.line, group, topics, listener))
        return self.silent[-1]


async def test_a_writer_that_waits_for_records_ends_as_soon_as_it_is_told() -> None:
    bus = SilentBus()
    writer = registrar(bus, "ns", WallClock())
    running = asyncio.create_task(writer.run(), name="a writer under test")
    try:
        await until(lambda: bus.silent)
        (consumer,) = bus.silent
        await consumer.waits.wait()

        writer.stop()
        writer.stop()

        await until(running.done, what="it has ended")
        assert running.result() is None
    finally:
        running.cancel()
        await asyncio.wait([running])
