"""What `memory list` says of a team that runs, on a real Kafka: the same bodies as in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory_wanting import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
