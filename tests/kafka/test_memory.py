"""What a handler is promised of memory, on a real Kafka; the same bodies run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.memory import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_between import *  # noqa: F403 - the same
from tests.promises.memory_models import *  # noqa: F403 - the same
from tests.promises.memory_recall import (
    test_a_model_that_says_only_what_memory_gave_it_is_refused_counted_and_told as echoes,
)
from tests.promises.memory_recall import (
    test_what_a_model_is_given_is_told_once_and_made_again_byte_for_byte as made_again,
)


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


test_a_model_that_says_only_what_memory_gave_it_is_refused_counted_and_told = echoes
test_what_a_model_is_given_is_told_once_and_made_again_byte_for_byte = made_again
