"""A lane that is opened has little to read on a real Kafka: the same bodies as in memory."""

import pytest

from tests.promises.ground import Ground
from tests.promises.short_journal import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
