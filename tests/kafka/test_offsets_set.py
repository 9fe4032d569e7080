"""What a lane does with offsets that somebody else has set, on a real Kafka, as in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.offsets_set import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
