"""What the ledger tells of refused acts, in memory; one body runs on Kafka too."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.refusals import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
