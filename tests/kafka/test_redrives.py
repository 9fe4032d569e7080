"""What lanes promise about dead letters that are settled, on a real Kafka."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.redrives import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.redrives_anew import *  # noqa: F403 - and so is every one of that
from tests.promises.redrives_by_program import *  # noqa: F403 - and so is every one of that
from tests.promises.redrives_edited import *  # noqa: F403 - and of that


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
