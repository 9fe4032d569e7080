"""What lanes promise about acts that a person approves, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises import approvals
from tests.promises.approvals import (  # noqa: F401 - a test of this file
    test_an_approval_that_has_expired_before_it_is_used_licenses_nothing,
    test_nobody_has_decided_in_time_is_a_refusal_and_a_later_yes_is_worth_nothing,
)
from tests.promises.step_tools import Acts, acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_what_was_approved_is_done_once_when_its_process_dies_before_or_after_the_act(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    for moment in ("before_intent/refund", "after_outcome_commit/refund"):
        acts.done.clear()
        await approvals.test_what_was_approved_is_done_at_most_once_whatever_crashes(
            team_of, acts, moment
        )
