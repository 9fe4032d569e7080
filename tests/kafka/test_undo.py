"""What is promised when a task is undone, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises import undo
from tests.promises.undo import World, world  # noqa: F401 - a fixture


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_every_act_is_undone_once_when_the_process_dies_after_the_first(
    team_of: Callable[..., Team],
    world: World,  # noqa: F811 - the fixture
) -> None:
    await undo.test_every_act_is_undone_once_when_the_process_dies_in_between(
        team_of, world, "after_outcome_commit/unbook:1"
    )
