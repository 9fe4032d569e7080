"""What lanes promise about the budget of a task, on a real Kafka."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.budgets import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
