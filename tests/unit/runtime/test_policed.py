"""What is promised about the policy for other acts than calls of tools, in memory."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.policed import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.policed_again import *  # noqa: F403 - the same
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
