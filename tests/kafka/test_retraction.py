"""What people may rely on when they retract a message, on a real Kafka: the same bodies."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.retraction import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
