"""How an ending of a remote call is told, by the effect that its operator has declared."""

import pytest

from handrail.contract.acted import LOOK_FIRST
from handrail.contract.effect import Effect
from handrail.contract.failure import RetryClass, State
from handrail.rails.mcp.answer import Ending, told
from handrail.runtime.remote_tools import refusal


@pytest.mark.parametrize("ending", [Ending.TOO_LARGE, Ending.MALFORMED])
@pytest.mark.parametrize("effect", [Effect.UNSAFE, Effect.IDEMPOTENT])
def test_an_answer_that_cannot_be_used_of_what_acts_asks_for_nothing_more(
    ending: Ending, effect: Effect
) -> None:
    refused = refusal(told(ending, "pay", 1_000), effect)

    assert (refused.state, refused.retry) == (State.OUTPUT_INVALID, RetryClass.AFTER_PROBE)
    assert refused.remedy.startswith(LOOK_FIRST)
    assert "Ask for less" not in refused.remedy


def test_an_answer_that_is_too_long_of_what_only_looks_may_be_asked_for_shorter() -> None:
    refused = refusal(told(Ending.TOO_LARGE, "look", 1_000), Effect.READ)

    assert refused.remedy.startswith("Ask for less")
    assert refused.retry is RetryClass.SAME_REQUEST
