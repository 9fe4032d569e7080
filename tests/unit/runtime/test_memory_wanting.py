"""What `memory list` says of a team that runs, on a bus in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory_wanting import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
