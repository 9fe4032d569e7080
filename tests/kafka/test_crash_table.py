"""Rows of the crash table on a real Kafka; all of them run in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.crash_table import TOOLS, clerk, helper, played

TeamOf = Callable[..., Team]


@pytest.fixture
def team_of(broker: str) -> TeamOf:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_after_a_crash_there_the_successor_does_what_its_row_says(team_of: TeamOf) -> None:
    async with team_of(clerk, helper, tools=TOOLS, partitions=1) as team:
        for moment in ("after_poll", "after_act/think", "after_answer", "after_act/pay"):
            await played(team, moment)
