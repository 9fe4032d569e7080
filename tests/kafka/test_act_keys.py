"""What a lane promises about the key of an act that its tool declares, on a real Kafka."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.act_keys import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
