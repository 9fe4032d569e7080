"""What lanes promise about people who are asked anew, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.persons_again import (  # noqa: F401 - tests of this file
    test_what_a_person_has_answered_is_asked_anew_from_its_step_on_and_the_new_answer_counts,
    test_what_was_asked_anew_waits_on_through_a_crash,
    test_what_was_open_when_its_handoff_died_is_asked_anew_and_the_answer_counts,
)
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
