"""What a team promises about where its messages come from, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.labels import (  # noqa: F401 - a test of this file
    test_a_message_that_is_sent_back_is_trusted_no_more_than_when_it_died,
    test_what_a_run_has_read_stands_on_all_that_leaves_it_however_often_it_is_killed,
    test_what_was_endorsed_for_one_argument_vouches_for_no_other_however_often_it_is_killed,
)


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
