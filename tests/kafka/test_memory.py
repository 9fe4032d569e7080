"""What a handler is promised of memory, on a real Kafka; the same bodies run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_between import *  # noqa: F403 - the same


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
