"""The ledger is told by name what an invocation has done to the world, and nothing else of it."""

from typing import Any

import pytest

from handrail.contract.effect import Effect
from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import StepLog
from handrail.ledger.happened import Acted
from handrail.runtime.worker.acted import ACTED_COUNT_MAX, acted


def entry(kind: Kind, path: str, **facts: Any) -> Entry:
    return Entry(kind, "i1", 1, "1", 1, facts={"name": "refund", **facts}, path=path)


def begun(log: StepLog, path: str = "1", effect: Effect = Effect.UNSAFE, **facts: Any) -> None:
    log.put(entry(Kind.INTENT, path, effect=str(effect), attempt=1, **facts))


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect.UNSAFE, True),
        (Effect.IDEMPOTENT, True),
        (Effect.QUERYABLE, True),
        (Effect.PAID, False),
        (Effect.ASK, False),
    ],
)
def test_what_changes_the_world_is_told(effect: Effect, told: bool) -> None:
    log = StepLog()
    begun(log, effect=effect)
    log.put(entry(Kind.OUTCOME, "1", ok=True))

    assert acted(log) == ((Acted("1", "refund"),) if told else ())


def test_what_was_read_or_noted_without_an_intent_is_not_told() -> None:
    log = StepLog()
    log.put(entry(Kind.OUTCOME, "1", ok=True))

    assert acted(log) == ()


def test_what_may_have_happened_is_told_as_such_and_what_has_not_is_left_out() -> None:
    log = StepLog()
    begun(log, "1")
    begun(log, "2")
    log.put(entry(Kind.OUTCOME, "2", ok=False, nothing_happened=False))
    begun(log, "3")
    log.put(entry(Kind.OUTCOME, "3", ok=False, nothing_happened=True))
    begun(log, "4", void="decided anew")

    assert acted(log) == (
        Acted("1", "refund", perhaps=True),
        Acted("2", "refund", perhaps=True),
    )


def test_of_very_many_acts_the_first_are_told() -> None:
    log = StepLog()
    for number in range(ACTED_COUNT_MAX + 1):
        begun(log, str(number))

    assert [one.step for one in acted(log)] == [str(number) for number in range(ACTED_COUNT_MAX)]
