"""What handlers are promised of tools of MCP servers, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.testing import Team
from tests.mcp_servers.wayward import Wayward
from tests.promises import quarantine
from tests.promises.quarantine import (  # noqa: F401 - a test of this file
    test_what_a_model_has_done_stays_done_under_a_contract_that_no_longer_takes_it,
    test_what_died_of_a_quarantine_is_done_once_it_is_lifted_and_a_person_sends_it_back,
)
from tests.promises.remote_endings import (  # noqa: F401 - a test of this file
    test_an_act_whose_server_fails_after_it_is_put_to_a_person_and_never_sent_again,
)
from tests.promises.remote_tools import (  # noqa: F401 - a fixture and a test of this file
    sky,
    test_a_handler_calls_a_tool_of_a_server_once_across_a_kill,
    test_a_quarantine_holds_in_a_running_process_from_its_next_call_until_a_new_pin,
    test_what_a_model_is_told_of_a_tool_are_a_strangers_words_however_often_it_is_killed,
)
from tests.promises.step_tools import acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_what_was_done_stays_done_and_what_was_refused_stays_refused_under_a_quarantine(
    team_of: Callable[..., Team],
    sky: Wayward,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    changed = {"city": "Oslo"}
    await quarantine.test_what_was_done_stays_done_whatever_may_be_called_when_its_run_comes_again(
        team_of, sky, tmp_path, changed, quarantine.held, anew=True
    )
    sky.calls.clear()
    await quarantine.test_what_a_quarantine_has_refused_stays_refused_when_that_is_lifted(
        team_of, sky, tmp_path, changed
    )
