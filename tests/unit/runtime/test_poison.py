"""What lanes do with a handoff that kills its process, on a broker in memory."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.poison import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
