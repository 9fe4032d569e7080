"""Apache Kafka, through aiokafka, keeps every promise of a bus."""

from collections.abc import AsyncIterator

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.where import Connection
from tests.promises.bus import BusPromises, Connect
from tests.promises.groups import GroupPromises


@pytest.fixture
async def connect(broker: str) -> AsyncIterator[Connect]:
    made_here: list[KafkaBus] = []

    async def one_more() -> KafkaBus:
        made_here.append(KafkaBus(Connection(broker, "PLAINTEXT")))
        await made_here[-1].start()
        return made_here[-1]

    yield one_more
    for bus in made_here:
        await bus.close()


class TestTheKafkaBus(BusPromises, GroupPromises):
    pass
