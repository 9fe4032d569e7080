"""What handlers are promised of acts on record whose tool may not be called any more, in memory."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.quarantine import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.remote_tools import sky  # noqa: F401 - a fixture
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
