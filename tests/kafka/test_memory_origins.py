"""Where versions come from, and what of them never leaves a worker, on a real Kafka."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory_origins import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_refused import *  # noqa: F403 - the same


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
