"""The keeper's promises on a real Kafka: the same bodies as in process."""

import pytest

from tests.promises.ground import Ground
from tests.promises.keeper import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
