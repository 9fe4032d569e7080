"""What lanes promise about the terms of a tool, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.terms import (  # noqa: F401 - a fixture and a test of this file
    bank,
    test_no_secret_is_in_any_topic_whatever_a_tool_does_with_it,
    test_nobody_is_asked_to_approve_an_act_whose_secret_is_missing,
)


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
