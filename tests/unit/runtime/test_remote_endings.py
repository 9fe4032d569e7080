"""How an ending of a remote call is told, by the effect that its operator has declared."""

from collections.abc import Callable

import pytest

from handrail.contract.acted import LOOK_FIRST
from handrail.contract.effect import Effect
from handrail.contract.failure import RetryClass, State
from handrail.lane.trying_again import StepFailure
from handrail.rails.mcp.answer import told
from handrail.rails.mcp.ending import Ending
from handrail.runtime.remote_tools import refusal
from handrail.runtime.worker.retrying import DID_NOT_ACT
from handrail.runtime.worker.run_budget import FREE
from handrail.testing import Team
from tests.promises.remote_endings import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.remote_tools import sky  # noqa: F401 - a fixture

ANSWERED = [
    one
    for one in Ending
    if one
    not in {
        *(Ending.DONE, Ending.ARGUMENTS_UNFIT, Ending.QUARANTINED, Ending.AWAY),
        *(Ending.SESSION_GONE, Ending.LOCKED_OUT),
    }
]


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


ACTS = [one for one in Effect if one not in {Effect.PURE, Effect.READ, Effect.PAID}]


@pytest.mark.parametrize("ending", [Ending.TOO_LARGE, Ending.MALFORMED])
@pytest.mark.parametrize("effect", [Effect.UNSAFE, Effect.IDEMPOTENT])
def test_an_answer_that_cannot_be_used_of_what_acts_asks_for_nothing_more(
    ending: Ending, effect: Effect
) -> None:
    refused = refusal(told(ending, "pay", 1_000, effect), effect)

    assert (refused.state, refused.retry) == (State.OUTPUT_INVALID, RetryClass.AFTER_PROBE)
    assert refused.remedy.startswith(LOOK_FIRST)
    assert "Ask for less" not in refused.remedy


def test_an_answer_that_is_too_long_of_what_only_looks_may_be_asked_for_shorter() -> None:
    refused = refusal(told(Ending.TOO_LARGE, "look", 1_000, Effect.READ), Effect.READ)

    assert refused.remedy.startswith("Ask for less")
    assert refused.retry is RetryClass.SAME_REQUEST


@pytest.mark.parametrize("effect", ACTS)
@pytest.mark.parametrize("ending", ANSWERED)
def test_what_was_sent_of_a_tool_that_acts_is_never_taken_for_what_did_not_act(
    ending: Ending, effect: Effect
) -> None:
    refused = refusal(told(ending, "pay", "no", effect), effect)
    failed = StepFailure.of(refused, effect)

    assert refused.retry is RetryClass.AFTER_PROBE
    assert refused.state not in DID_NOT_ACT | FREE
    assert not failed.nothing_happened
    # Only its receiver, by a key or by being asked, makes a second time none.
    assert failed.may_repeat(effect) == (effect in {Effect.IDEMPOTENT, Effect.QUERYABLE})


@pytest.mark.parametrize("ending", [one for one in ANSWERED if one is not Ending.THROTTLED])
def test_what_was_sent_of_a_tool_that_costs_is_in_the_books(ending: Ending) -> None:
    refused = refusal(told(ending, "ask", "no", Effect.PAID), Effect.PAID)

    assert refused.state not in FREE
    assert not StepFailure.of(refused, Effect.PAID).nothing_happened


def test_a_server_says_when_what_only_looks_may_ask_again() -> None:
    refused = refusal(told(Ending.THROTTLED, "look", "429", Effect.READ, 7.0), Effect.READ)

    assert (refused.state, refused.retry_after_s) == (State.RATE_LIMITED, 7.0)
    assert StepFailure.of(refused, Effect.READ).failure.retry_after_ms == 7_000
    assert told(Ending.THROTTLED, "pay", "429", Effect.UNSAFE, 7.0).retry_after_s is None
