"""What is promised about the policy of a team, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises import policed_again as again
from tests.promises.policed import (  # noqa: F401 - a test of this file
    test_what_was_denied_goes_on_when_it_is_sent_back_and_its_reference_stays_taken,
)
from tests.promises.step_tools import Acts, acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


@pytest.mark.parametrize(
    "use", [one for one in again.USES if one[0] in ("write", "collect", "ask")]
)
async def test_what_was_denied_stays_denied_in_a_run_that_comes_again_under_other_rules(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
    use: tuple[str, str, str],
) -> None:
    await again.test_what_was_denied_stays_denied_in_a_run_that_comes_again_under_other_rules(
        team_of, acts, *use
    )


async def test_what_was_allowed_stays_allowed_in_a_run_that_comes_again_under_other_rules(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    await again.test_what_was_allowed_stays_allowed_in_a_run_that_comes_again_under_other_rules(
        team_of, acts, "collect", "memory.write", ""
    )


async def test_a_write_that_was_denied_without_a_note_is_judged_again_and_not_let_through(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    await again.test_a_write_that_was_denied_without_a_note_is_judged_again_and_not_let_through(
        team_of, acts
    )


async def test_what_was_said_of_a_write_holds_for_that_write_in_whatever_order_a_run_asks(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    await again.test_what_was_said_of_a_write_holds_for_that_write_in_whatever_order_a_run_asks(
        team_of, acts
    )


async def test_a_write_that_was_allowed_and_never_came_about_is_judged_anew_when_it_is_sent_back(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    promise = (
        again.test_a_write_that_was_allowed_and_never_came_about_is_judged_anew_when_it_is_sent_back
    )
    await promise(team_of, acts)
