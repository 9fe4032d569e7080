"""In which order an act is judged, on a real Kafka; all pairs of stages run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.gate_order import (  # noqa: F401 - a test of this file
    WITH_BUDGET,
    refused_in_order,
    test_what_was_asked_before_is_waited_for_whatever_would_refuse_it_now,
)
from tests.promises.step_tools import Acts, acts  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_what_two_stages_would_refuse_is_refused_by_the_earlier_one(
    team_of: Callable[..., Team],
    acts: Acts,  # noqa: F811 - the fixture
) -> None:
    assert acts.done == []
    await refused_in_order(team_of, WITH_BUDGET)
