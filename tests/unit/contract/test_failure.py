"""The 23 ways to fail are closed, and each says what to do."""

import pickle

from handrail import Refused, State
from handrail.contract.failure import RetryClass

STATES = """
    invalid_input precondition_failed conflict not_found unauthenticated denied_by_policy
    tainted_input needs_approval approval_rejected approval_expired rate_limited quota_exceeded
    budget_exhausted dependency_unavailable timeout_no_effect outcome_unknown partial undone
    undo_failed output_invalid sandbox_unavailable cancelled internal
""".split()


def test_the_states_are_these_23() -> None:
    assert [state.value for state in State] == STATES


def test_each_state_says_what_it_is_what_to_do_and_whether_to_try_again() -> None:
    for state in State:
        assert state.headline
        assert state.remedy.endswith(".")
        assert isinstance(state.retry_class, RetryClass)
    assert len({state.headline for state in State}) == len(STATES)


def test_an_unknown_outcome_is_never_tried_again_blindly() -> None:
    assert State.OUTCOME_UNKNOWN.retry_class is RetryClass.AFTER_PROBE


def test_a_refusal_carries_words_for_the_handler() -> None:
    no = Refused(State.CONFLICT, "order 42 was refunded by somebody else")

    assert (no.state, no.detail) == (State.CONFLICT, "order 42 was refunded by somebody else")
    assert (no.title, no.remedy) == (State.CONFLICT.headline, State.CONFLICT.remedy)
    assert str(no).startswith("conflict: order 42 was refunded by somebody else. Read the present")


def test_a_refusal_survives_pickling() -> None:
    no = pickle.loads(pickle.dumps(Refused(State.CONFLICT, "x", remedy="y")))

    assert (no.state, no.detail, no.remedy) == (State.CONFLICT, "x", "y")
