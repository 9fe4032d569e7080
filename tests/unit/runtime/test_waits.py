"""What lanes promise about steps that wait, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.persons import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.questions import *  # noqa: F403 - the same
from tests.promises.questions_again import *  # noqa: F403 - the same
from tests.promises.sleeps import *  # noqa: F403 - the same
from tests.promises.step_tools import acts  # noqa: F401 - a fixture
from tests.promises.unreadable_answers import *  # noqa: F403 - the same


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
