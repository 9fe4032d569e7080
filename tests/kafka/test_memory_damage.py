"""Damage of the file of a view, on a real Kafka: the same bodies as in process."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_damage import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
