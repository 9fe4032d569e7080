"""What handlers are promised of tools of MCP servers, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.remote_tools import (  # noqa: F401 - a fixture and a test of this file
    sky,
    test_a_handler_calls_a_tool_of_a_server_once_across_a_kill,
    test_a_quarantine_holds_in_a_running_process_from_its_next_call_until_a_new_pin,
    test_what_a_model_is_told_of_a_tool_are_a_strangers_words_however_often_it_is_killed,
)


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)
