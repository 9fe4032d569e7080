"""What lanes promise about who may approve an act, on a real Kafka."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.approvers import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
