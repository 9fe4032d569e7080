"""Whether an attempt before the present one may have acted, and what follows from that."""

import pytest

from handrail import Refused, State
from handrail.contract.effect import Effect
from handrail.lane.begun import Begun, begun_as, earlier_facts, may_have_acted_before
from handrail.lane.journal import Entry, Kind
from handrail.lane.late import settle
from handrail.lane.recorded_anew import recorded_anew
from handrail.lane.steps import Asked, Begin, StepBook, StepLog, StepRecord, after_crash
from handrail.lane.trying_again import RunErrors, StepFailure
from handrail.wire.late_outcome import LateOutcome, LateState

FIRST_MS, NOW_MS = 500, 2_000
ASKED = Asked("1", "act", "d", "act()", Effect.READ)
NO = Refused(State.DEPENDENCY_UNAVAILABLE, "no")


def entry(kind: Kind, body: bytes | None = None, **facts: object) -> Entry:
    named = {"name": "act", "digest": "d", "shown": "act()", "attempt": 2}
    return Entry(kind, "i", 1, "1", 1_000, facts={**named, **facts}, path="1", body=body)


def intent(effect: Effect = Effect.IDEMPOTENT, **facts: object) -> Entry:
    known = {"effect": str(effect), "idem_key": "k", "first_ms": FIRST_MS, "key_ttl_s": 3_600}
    return entry(Kind.INTENT, **{**known, **facts})


@pytest.mark.parametrize("effect", Effect)
def test_only_what_is_begun_again_blindly_may_have_acted_before(effect: Effect) -> None:
    record = StepRecord(intent=intent(effect))

    expected = {"earlier": True} if effect is Effect.IDEMPOTENT else {}

    assert earlier_facts(record, acted=True) == expected
    assert earlier_facts(record, acted=False) == {}


def test_it_is_known_until_somebody_has_found_out() -> None:
    known = StepRecord(intent=intent(earlier=True))
    voided = StepRecord(intent=intent(earlier=True, void="not begun"))

    assert earlier_facts(known, acted=False) == {"earlier": True}
    assert may_have_acted_before(known)
    assert earlier_facts(voided, acted=True) == {}
    assert not may_have_acted_before(voided)
    assert not may_have_acted_before(None)


def test_an_attempt_that_has_no_intent_yet_has_those_before_it() -> None:
    record = StepRecord(intent=intent())

    assert begun_as(record, ASKED, 2) == Begun(Effect.IDEMPOTENT)
    assert begun_as(record, ASKED, 3) == Begun(Effect.IDEMPOTENT, earlier=True)
    assert begun_as(None, ASKED, 3) == Begun(Effect.READ)


def test_a_later_refusal_does_not_make_a_key_young_again() -> None:
    log, errors = StepLog(), RunErrors()
    failure = StepFailure.of(NO, Effect.IDEMPOTENT, earlier=True)
    log.put(intent(earlier=True))
    log.put(entry(Kind.OUTCOME, ok=False, **failure.facts()))
    errors.ask("1")
    errors.fail("1", NO, failure, Effect.IDEMPOTENT)

    errors.forget(log, NOW_MS)

    assert after_crash(log.records["1"], NOW_MS) == Begin(3, FIRST_MS)


@pytest.mark.parametrize(("facts", "first_ms"), [({}, NOW_MS), ({"earlier": True}, FIRST_MS)])
def test_what_was_not_begun_says_nothing_of_the_attempt_before(
    facts: dict[str, object], first_ms: int
) -> None:
    book = StepBook()
    book.restore([intent(**facts)])
    late = LateOutcome("i", "1", 2, LateState.NOT_BEGUN, begun_in=1)

    assert settle(book, late, 3, NOW_MS) is not None

    record = book.known("i", "1")
    assert record is not None
    assert after_crash(record, NOW_MS) == Begin(3, first_ms)


@pytest.mark.parametrize(("facts", "first_ms"), [({}, None), ({"earlier": True}, FIRST_MS)])
def test_what_is_sent_back_stays_begun_where_an_earlier_attempt_may_have_acted(
    facts: dict[str, object], first_ms: int | None
) -> None:
    failed = entry(Kind.OUTCOME, b'{"state": "conflict"}', ok=False, nothing_happened=False)

    left = recorded_anew([intent(**facts), failed])

    log = StepLog()
    for one in left:
        log.put(one)
    found = None if not left else after_crash(log.records["1"], NOW_MS)
    assert found == (None if first_ms is None else Begin(3, first_ms))
