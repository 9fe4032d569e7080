"""Following the ledger on a real Kafka: the same bodies as in process."""

import pytest

from tests.promises.follow import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.ground import Ground


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)
