"""What a team promises about where its messages come from, in memory; one body runs on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.labels import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
