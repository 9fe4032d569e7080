"""What people may rely on that gave a reason, on a real Kafka: the same bodies."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_reasons import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
