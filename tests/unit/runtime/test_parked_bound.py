"""A lane in which as much rests as may, in memory; the same body runs on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.parked_bound import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
