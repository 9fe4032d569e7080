"""How often a step has cost what it costs: every attempt counts, unless nothing happened."""

import orjson

from handrail.contract.failure import State
from handrail.lane.charging import charge_facts, charged, charged_before, spent_at_most
from handrail.lane.journal import Entry, Kind
from handrail.lane.recorded_anew import recorded_anew
from handrail.lane.steps import StepRecord


def intent(**facts: object) -> Entry:
    known = {"name": "think", "digest": "d", "shown": "think()", "effect": "paid", "attempt": 2}
    return Entry(Kind.INTENT, "inv", 1, "v", 5, facts={**known, **facts}, path="1")


def failed(state: State) -> Entry:
    body = orjson.dumps({"state": state.value})
    return Entry(Kind.OUTCOME, "inv", 1, "v", 6, facts={"ok": False}, path="1", body=body)


def test_an_attempt_that_was_begun_counts_whatever_became_of_it() -> None:
    assert (charged(None), charged_before(None)) == (0, 0)
    assert charged(StepRecord(intent=intent())) == 1
    assert charged(StepRecord(intent=intent(charged=2, void="another try"))) == 3


def test_an_attempt_of_which_nothing_came_costs_nothing() -> None:
    free = StepRecord(intent=intent(charged=2, void="another try", free=True))

    assert charged(free) == 2
    assert charge_facts(free, acted=True) == {"charged": 2}


def test_a_licence_that_ran_out_unused_is_no_attempt() -> None:
    record = StepRecord(intent=intent(charged=1))

    assert charge_facts(record, acted=False) == {"charged": 1}
    assert charge_facts(record, acted=True) == {"charged": 2}


def test_what_was_paid_for_stays_so_when_its_handoff_is_sent_back() -> None:
    for from_step in (None, 1):
        (left,) = recorded_anew([intent(cost=1, charged=1), failed(State.INTERNAL)], from_step)
        (free,) = recorded_anew([intent(cost=1, charged=1), failed(State.RATE_LIMITED)], from_step)

        assert charged(StepRecord(intent=left)) == 2
        assert charged(StepRecord(intent=free)) == 1
    assert recorded_anew([intent(), failed(State.INTERNAL)]) == []


def test_what_all_steps_have_spent_counts_each_attempt_and_what_was_lent_for_good() -> None:
    def ended(**facts: object) -> Entry:
        return Entry(Kind.OUTCOME, "inv", 1, "v", 6, facts=facts, path="1")

    records = [
        StepRecord(),
        StepRecord(intent=intent()),
        StepRecord(intent=intent(cost=3, charged=1), outcome=ended(ok=True)),
        StepRecord(intent=intent(cost=20), outcome=ended(ok=False, nothing_happened=True)),
        StepRecord(intent=intent(cost=100)),
        StepRecord(intent=intent(lent=5_000), outcome=ended(ok=True, left=1_000)),
        StepRecord(intent=intent(lent=50_000)),
    ]

    assert spent_at_most(records) == 6 + 100 + 4_000 + 50_000
