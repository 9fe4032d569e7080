"""What lanes promise about approvals for a task, in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.approvals_for_task import *  # noqa: F403 - every test of it is one of this file
from tests.promises.approvals_not_for_task import *  # noqa: F403 - the same
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
