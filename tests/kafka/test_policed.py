"""What is promised about work that a policy denies, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.policed import (  # noqa: F401 - a test of this file
    test_what_was_denied_goes_on_when_it_is_sent_back_and_its_reference_stays_taken,
)
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
