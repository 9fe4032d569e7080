"""What the asker of a question asked anew is told, on a real Kafka; the same bodies in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.asked_anew_told import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.asked_anew_told import world  # noqa: F401 - a fixture
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
