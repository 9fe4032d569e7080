"""What lanes delete, on a real Kafka; the same bodies run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.renewals import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.retention import *  # noqa: F403 - and so is every one of that


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
