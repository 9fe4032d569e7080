"""What is promised of deleted topics, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.topics_away import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
