"""What lanes promise, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.cancels import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.cancels_of_questions import *  # noqa: F403 - the same
from tests.promises.deadlines import *  # noqa: F403 - the same
from tests.promises.delivery import *  # noqa: F403 - the same
from tests.promises.doubts import *  # noqa: F403 - the same
from tests.promises.fan_out import *  # noqa: F403 - the same
from tests.promises.step_tools import acts  # noqa: F401 - a fixture
from tests.promises.steps import *  # noqa: F403 - the same


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
