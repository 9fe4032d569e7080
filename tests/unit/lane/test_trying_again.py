"""What the next try of a handler may do again, and what stays recorded for ever."""

import pytest

from handrail import Refused, State
from handrail.contract.effect import Effect
from handrail.errors import FailureClass
from handrail.lane.failure_class import Failure
from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import Begin, Reconcile, Replay, StepLog, StepState, after_crash
from handrail.lane.trying_again import RunErrors, StepFailure

AWAY = ConnectionError("away")


def entry(kind: Kind, path: str, **facts: object) -> Entry:
    named = {"name": "act", "digest": "d", "shown": "act()", "attempt": 1}
    return Entry(kind, "i", 1, "1", 1_000, facts={**named, **facts}, path=path)


def failed(log: StepLog, errors: RunErrors, path: str, effect: Effect, error: Exception) -> None:
    failure = StepFailure.of(error, effect)
    if effect not in (Effect.PURE, Effect.READ):
        log.put(entry(Kind.INTENT, path, effect=str(effect), first_ms=500, key_ttl_s=3_600))
    log.put(entry(Kind.OUTCOME, path, ok=False, **failure.facts()))
    errors.ask(path)
    errors.fail(path, error, failure, effect)


@pytest.mark.parametrize("effect", Effect)
def test_another_try_is_given_by_the_class_of_the_effect(effect: Effect) -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", effect, AWAY)

    written, removed = errors.forget(log, 2_000)

    verdicts = {
        path: Replay(record.outcome) if record.outcome else after_crash(record, 2_000)
        for path, record in log.records.items()
    }
    match effect:
        case Effect.PURE | Effect.READ:
            assert (verdicts, written, removed) == ({}, [], [b"i/outcome/1"])
        case Effect.PAID:
            assert verdicts == {"1": Begin(2, 2_000)}
            assert [one.facts["void"] for one in written] == ["another try"]
        case Effect.IDEMPOTENT:
            assert verdicts == {"1": Begin(2, 500)}
        case Effect.QUERYABLE:
            assert verdicts == {"1": Reconcile(2, 500, 1_000)}
        case Effect.UNSAFE | Effect.ASK:
            assert isinstance(verdicts["1"], Replay)
            assert (written, removed) == ([], [])


@pytest.mark.parametrize(
    "state",
    [
        State.RATE_LIMITED,
        State.QUOTA_EXCEEDED,
        State.DEPENDENCY_UNAVAILABLE,
        State.TIMEOUT_NO_EFFECT,
    ],
)
def test_an_unsafe_step_is_done_again_only_when_it_says_that_nothing_happened(
    state: State,
) -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", Effect.UNSAFE, Refused(state, "no"))

    errors.forget(log, 2_000)

    assert after_crash(log.records["1"], 2_000) == Begin(2, 2_000)


@pytest.mark.parametrize("state", [State.OUTCOME_UNKNOWN, State.PARTIAL, State.INTERNAL])
def test_an_unsafe_step_of_which_more_may_have_happened_stays_as_it_is(state: State) -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", Effect.UNSAFE, Refused(state, "no"))

    assert errors.forget(log, 2_000) == ([], [])


def test_an_error_stays_when_something_that_is_recorded_could_have_followed_from_it() -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", Effect.READ, AWAY)
    errors.ask("2")
    log.put(entry(Kind.OUTCOME, "2", ok=True))
    failed(log, errors, "3", Effect.READ, AWAY)

    _, removed = errors.forget(log, 2_000)

    assert removed == [b"i/outcome/3"]


def test_what_was_begun_before_an_error_did_not_follow_from_it() -> None:
    log, errors = StepLog(), RunErrors()
    for path in ("1", "2", "3"):
        errors.ask(path)
    for path in ("1", "2"):
        failure = StepFailure.of(AWAY, Effect.READ)
        log.put(entry(Kind.OUTCOME, path, ok=False, **failure.facts()))
        errors.fail(path, AWAY, failure, Effect.READ)
    errors.ask("3.m1")
    log.put(entry(Kind.OUTCOME, "3.m1", ok=True))

    _, removed = errors.forget(log, 2_000)

    assert removed == [b"i/outcome/1", b"i/outcome/2"]


def test_a_turn_that_followed_a_tool_call_keeps_the_error_of_the_call() -> None:
    log, errors = StepLog(), RunErrors()
    errors.ask("1")
    failed(log, errors, "1.1", Effect.READ, Refused(State.TIMEOUT_NO_EFFECT, "slow"))
    errors.ask("1.m2")
    log.put(entry(Kind.OUTCOME, "1.m2", ok=True))

    assert errors.forget(log, 2_000) == ([], [])


def test_a_time_that_was_noted_after_an_error_is_noted_anew() -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", Effect.READ, AWAY)
    errors.ask("now.1")
    log.put(entry(Kind.OUTCOME, "now.1", ok=True))

    _, removed = errors.forget(log, 2_000)

    assert removed == [b"i/outcome/1", b"i/outcome/now.1"]
    assert log.records == {}


def test_the_step_that_a_failure_comes_from_is_found_through_what_was_raised_from_it() -> None:
    log, errors = StepLog(), RunErrors()
    failed(log, errors, "1", Effect.READ, AWAY)
    try:
        try:
            raise AWAY
        except ConnectionError as error:
            raise ValueError("the archive did not answer") from error
    except ValueError as wrapped:
        found = errors.source(wrapped)

    assert found is not None
    path, failure, is_itself = found
    assert (path, failure.failure.failure_class, is_itself) == (
        "1",
        FailureClass.TRANSIENT,
        False,
    )
    assert errors.source(ValueError("of another kind")) is None


def test_what_is_recorded_of_a_failure_is_read_back_as_it_was() -> None:
    refused = Refused(State.RATE_LIMITED, "slowly", retry_after_s=3)
    failure = StepFailure.of(refused, Effect.UNSAFE)
    outcome = entry(Kind.OUTCOME, "1", ok=False, **failure.facts())

    assert StepFailure.recorded(outcome, ValueError("another"), Effect.UNSAFE) == failure
    assert failure.failure.retry_after_ms == 3_000


def test_an_unknown_outcome_of_what_its_receiver_knows_is_found_out_by_the_next_try() -> None:
    unknown = Refused(State.OUTCOME_UNKNOWN, "it took too long")

    classes = {effect: StepFailure.of(unknown, effect).failure.failure_class for effect in Effect}

    assert {effect for effect, found in classes.items() if found is FailureClass.FATAL} == {
        Effect.UNSAFE,
        Effect.ASK,
    }


CHANGED = StepFailure(Failure(FailureClass.TRANSIENT), nothing_happened=True)


def succeeded(log: StepLog, errors: RunErrors, path: str, effect: Effect) -> None:
    if effect not in (Effect.PURE, Effect.READ):
        log.put(entry(Kind.INTENT, path, effect=str(effect), first_ms=500, key_ttl_s=None))
    log.put(entry(Kind.OUTCOME, path, ok=True))
    for asked in dict.fromkeys((path.partition(".")[0], path)):
        errors.ask(asked)  # a call first, then what is within it


def test_what_was_decided_on_a_memory_that_has_changed_is_decided_anew() -> None:
    log, errors = StepLog(), RunErrors()
    for path, effect in (
        ("1", Effect.UNSAFE),
        ("2", Effect.READ),
        ("3.m1", Effect.PAID),
        ("4", Effect.ASK),
    ):
        succeeded(log, errors, path, effect)
    errors.fail("4", AWAY, CHANGED, Effect.ASK, since="2")

    assert errors.may_repeat("4", log)
    written, removed = errors.forget(log, 2_000, AWAY)

    assert removed == [b"i/outcome/2", b"i/outcome/3.m1", b"i/outcome/4"]
    assert [one.path for one in written] == ["3.m1", "4"], "the numbers of their attempts stay"
    assert log.state("1") is StepState.SUCCEEDED
    log.check_all_asked(["1"], "a", "1")
    assert not log.questions()


def test_nothing_is_decided_anew_once_something_was_done_that_is_done_once() -> None:
    log, errors = StepLog(), RunErrors()
    for path, effect in (("1", Effect.READ), ("2", Effect.UNSAFE), ("3", Effect.ASK)):
        succeeded(log, errors, path, effect)
    errors.fail("3", AWAY, CHANGED, Effect.ASK, since="1")

    assert not errors.may_repeat("3", log)
    assert errors.forget(log, 2_000, AWAY) == ([], [])
    assert sorted(log.records) == ["1", "2", "3"]


def test_a_changed_memory_that_a_handler_went_on_from_stays_recorded() -> None:
    log, errors = StepLog(), RunErrors()
    succeeded(log, errors, "1", Effect.READ)
    succeeded(log, errors, "2", Effect.ASK)
    errors.fail("2", AWAY, CHANGED, Effect.ASK, since="1")

    assert errors.forget(log, 2_000, ValueError("another")) == ([], [])
    assert sorted(log.records) == ["1", "2"]
