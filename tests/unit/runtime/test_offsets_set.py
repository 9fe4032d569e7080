"""What a lane does with offsets that somebody else has set, in memory; the same runs on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.offsets_set import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
