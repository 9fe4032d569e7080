"""What is promised of deleted topics, on a real Kafka; the same bodies run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.topics_away import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
