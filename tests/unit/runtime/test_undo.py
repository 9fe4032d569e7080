"""What is promised when a task is undone, in memory; one body runs on Kafka too."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.step_tools import acts  # noqa: F401 - a fixture
from tests.promises.undo import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.undo_again import *  # noqa: F403 - the same
from tests.promises.undo_attempts import *  # noqa: F403 - the same
from tests.promises.undo_moved import *  # noqa: F403 - the same
from tests.promises.undo_rights import *  # noqa: F403 - the same
from tests.promises.undo_unsure import *  # noqa: F403 - the same


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
