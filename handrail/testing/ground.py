"""Where a team under test stands: a broker in memory, or a real Kafka.

Both give connections of their own to each process and a way to end one of them without order.
"""

import time
import uuid
from contextlib import ExitStack, suppress
from typing import Protocol

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Bus
from handrail.bus.where import Connection
from handrail.errors import AdminRefused, BrokerUnreachable
from handrail.runtime.log_lines import set_up_lines
from handrail.testing.clock import VirtualClock

MEMORY_STARTS_MS = 1_767_225_600_000  #: 2026-01-01T00:00:00Z, so that two runs tell the same times


class Ground(Protocol):
    """A broker on which a team may do as it likes within its namespace."""

    clock: VirtualClock
    namespace: str
    patience_s: float  #: how long a test waits for something that should happen at once

    async def connect(self) -> Bus:
        """Give a started connection."""
        ...

    def kill(self, bus: Bus) -> None:
        """Let nothing through this connection any more."""
        ...

    def moves_count(self) -> int:
        """A number that grows whenever something happens, as far as it can be seen."""
        ...

    def clock_moved(self) -> None:
        """Tell the broker that time has passed."""
        ...

    async def clear(self, bus: Bus) -> None:
        """Take away what the team has left on the broker, through a connection that is open."""
        ...

    def close(self) -> None:
        """End what was started here."""
        ...


class MemoryGround:
    """A broker in memory that lives by the virtual clock."""

    def __init__(self) -> None:
        """Begin empty, at the same time in every run."""
        set_up_lines()
        self.clock = VirtualClock(MEMORY_STARTS_MS)
        self.namespace = "test"
        # No test waits for it that is right; a crowded machine has taken more than ten seconds.
        self.patience_s = 30.0
        self._broker = InProcessBroker(self.clock.now_ms)

    async def connect(self) -> Bus:
        """Give a connection of its own."""
        return InProcessBus(self._broker)

    def kill(self, bus: Bus) -> None:
        """Cut it as kill -9 does: what is under way never returns."""
        assert isinstance(bus, InProcessBus)
        bus.kill()

    def moves_count(self) -> int:
        """What the broker has seen."""
        return self._broker.moves_count

    def clock_moved(self) -> None:
        """Let sessions and transactions run out."""
        self._broker.tick()

    async def clear(self, bus: Bus) -> None:
        """Nothing outlives the broker in memory."""

    def close(self) -> None:
        """Nothing to give back."""


class KafkaGround:
    """A real Kafka and a namespace that nobody else uses.

    Kafka lives by its own time: only what the engine waits for follows the virtual clock.
    """

    def __init__(self, bootstrap: str | None = None) -> None:
        """Use this broker, else the one of the environment, else one that is started here."""
        set_up_lines()
        self.clock = VirtualClock(time.time_ns() // 1_000_000)
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        self.patience_s = 60.0
        self._started = ExitStack()
        if bootstrap is None:
            from handrail.testing.broker import broker_for_tests  # noqa: PLC0415 - starts a Kafka

            bootstrap = self._started.enter_context(broker_for_tests())
        self._bootstrap = bootstrap

    async def connect(self) -> Bus:
        """Give a connection of its own."""
        # Only on this ground is Kafka's client needed.
        from handrail.testing.mortal_bus import MortalBus  # noqa: PLC0415

        bus = MortalBus(Connection(self._bootstrap, "PLAINTEXT"))
        await bus.start()
        return bus

    def kill(self, bus: Bus) -> None:
        """Let it write nothing more; its group hears of it when its process ends, right after."""
        from handrail.testing.mortal_bus import MortalBus  # noqa: PLC0415 - as in `connect`

        assert isinstance(bus, MortalBus)
        bus.kill()

    def moves_count(self) -> int:
        """Nothing can be seen from outside."""
        return 0

    def clock_moved(self) -> None:
        """Kafka has its own time."""

    async def clear(self, bus: Bus) -> None:
        """Delete the topics of the namespace, so that a broker that is used again stays small."""
        from handrail.bus.kafka_admin import KafkaAdmin  # noqa: PLC0415 - as in `connect`

        assert isinstance(bus.admin, KafkaAdmin)
        with suppress(BrokerUnreachable, AdminRefused):  # A broker that is gone keeps nothing.
            names = [
                one for one in await bus.admin.topics() if one.startswith(f"{self.namespace}.")
            ]
            await bus.admin.delete_topics(names)

    def close(self) -> None:
        """End the broker if it was started here."""
        self._started.close()
