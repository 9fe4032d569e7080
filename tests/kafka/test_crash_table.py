"""What a successor does after each crash, on a real Kafka; the same bodies run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.crash_table import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
