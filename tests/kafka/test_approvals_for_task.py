"""What lanes promise about approvals for a task, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises import approvals_for_task
from tests.promises.approvals_for_task import (  # noqa: F401 - tests of this file
    test_further_calls_like_the_one_that_was_shown_go_on_without_asking_and_are_told,
)
from tests.promises.approvals_not_for_task import (  # noqa: F401 - tests of this file
    test_a_denial_ends_it_whichever_step_is_asked_for_first_when_the_run_comes_again,
    test_an_approval_for_the_task_is_worth_nothing_once_it_has_expired,
    test_an_approval_for_the_task_is_worth_nothing_under_other_rules,
    test_what_has_expired_before_the_call_that_was_shown_begins_is_not_done,
)
from tests.promises.step_tools import Acts, acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_a_kill_before_or_after_a_further_call_gives_none_more_and_takes_none_away(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    for moment in ("before_intent/pay:2", "after_outcome_commit/pay:2"):
        acts.done.clear()
        await approvals_for_task.test_a_kill_gives_no_call_more_and_takes_none_away(
            team_of, acts, moment
        )
