"""A Kafka that may be treated badly, and the team of the fault tests laid out on it."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.where import Connection
from handrail.chaos.proxy import KafkaProxy
from handrail.testing.broker import broker_for_tests
from tests.faults.ground import PARTITIONS, Ground
from tests.faults.troupe import handrail, project


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The bootstrap address of a Kafka that answers; it ends with the run."""
    with broker_for_tests() as bootstrap:
        yield bootstrap


@pytest.fixture
async def bus(broker: str) -> AsyncIterator[KafkaBus]:
    """A connection of the test's own."""
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    yield bus
    await bus.close()


@pytest.fixture
async def ground(broker: str, bus: KafkaBus, tmp_path: Path) -> Ground:
    """The team's project, and its topics on the broker."""
    namespace = f"f{uuid.uuid4().hex[:8]}"
    folder = project(tmp_path / "team", broker, namespace, PARTITIONS)
    handrail(folder, "topics", "apply")
    return Ground(bus, namespace, folder)


@pytest.fixture
async def proxy(broker: str) -> AsyncIterator[KafkaProxy]:
    """A door to the broker that can be told to treat requests badly; nobody stands behind it."""
    proxy = KafkaProxy(broker)
    await proxy.start()
    yield proxy
    await proxy.close()
