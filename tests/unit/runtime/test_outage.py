"""Two minutes without a provider, through the real worker on a broker in memory."""

from collections.abc import Callable

import pytest

from handrail.contract.effect import Effect
from handrail.testing import Team
from tests.promises.outage import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.outage import Provider, outage

SPANS_S = (150, 120, 120)


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


async def test_two_minutes_without_a_provider_lose_nothing_and_cost_few_calls() -> None:
    provider = Provider()

    day = await outage(Team, provider, 0.5, SPANS_S)

    assert "waits for a provider" in day.words


async def test_an_outage_without_the_gate_is_seen_by_this_test() -> None:
    ungated = Provider(effect=Effect.READ)

    with pytest.raises(AssertionError, match="extra calls"):
        await outage(Team, ungated, 0.5, (10, 40, 10))
