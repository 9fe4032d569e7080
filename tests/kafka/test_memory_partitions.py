"""Memory whose topics are given more partitions, on a real Kafka."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_partitions import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
