"""What a handler is promised of memory, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_between import *  # noqa: F403 - the same
from tests.promises.memory_models import *  # noqa: F403 - the same
from tests.promises.memory_origins import *  # noqa: F403 - the same
from tests.promises.memory_recall import *  # noqa: F403 - the same
from tests.promises.memory_refused import *  # noqa: F403 - the same


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
