"""What a late outcome of a step says, and about whose attempt."""

import pytest

from handrail.lane.journal import Entry, Kind
from handrail.lane.late import settle
from handrail.lane.steps import StepBook
from handrail.wire.late_outcome import LateOutcome, LateState


def book_with_an_open_step(epoch: int) -> StepBook:
    facts: dict[str, object] = {
        "name": "pay",
        "digest": "d",
        "shown": "pay()",
        "effect": "unsafe",
        "idem_key": "k",
        "attempt": 1,
        "first_ms": 0,
        "key_ttl_s": None,
    }
    book = StepBook()
    book.restore([Entry(Kind.INTENT, "order", epoch, "1", 0, facts=facts, path="1")])
    return book


@pytest.mark.parametrize(("begun_in", "counts"), [(2, True), (1, False), (None, False)])
def test_who_has_not_begun_speaks_of_the_attempt_of_its_own_epoch_only(
    begun_in: int | None, counts: bool
) -> None:
    late = LateOutcome("order", "1", 1, LateState.NOT_BEGUN, begun_in=begun_in)

    settled = settle(book_with_an_open_step(2), late, 3, 0)

    assert (settled is not None) is counts


def test_what_has_ended_counts_whoever_is_the_owner_now() -> None:
    late = LateOutcome("order", "1", 1, LateState.ENDED, {"ok": True, "attempt": 1}, b'"done"')

    settled = settle(book_with_an_open_step(2), late, 3, 0)

    assert settled is not None
    assert [entry.kind for entry in settled.entries] == [Kind.OUTCOME]
