"""What a late outcome of a step says, and about whose attempt."""

import pytest

from handrail.lane.journal import Entry, Kind
from handrail.lane.late import settle
from handrail.lane.releasing import released_entry
from handrail.lane.steps import StepBook, StepRecord
from handrail.wire.late_outcome import LateOutcome, LateState, beside_of
from handrail.wire.record import Outgoing, Record


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


@pytest.mark.parametrize("state", [LateState.ENDED, LateState.CUT_OFF, LateState.NOT_BEGUN])
def test_what_became_of_another_attempt_says_nothing_of_the_open_one(state: LateState) -> None:
    facts = {"ok": True, "attempt": 2} if state is LateState.ENDED else {}
    late = LateOutcome("order", "1", 2, state, facts, b'"done"', begun_in=2)
    book = book_with_an_open_step(2)

    assert settle(book, late, 3, 0) is None
    record = book.known("order", "1")
    assert record is not None
    assert record.outcome is None


@pytest.mark.parametrize(("released_in", "is_waited_for"), [(2, True), (3, True), (1, False)])
def test_an_act_of_a_lane_let_go_is_waited_for_unless_its_step_was_begun_after_that(
    released_in: int, is_waited_for: bool
) -> None:
    book = book_with_an_open_step(2)
    book.restore([released_entry(("order", "1", 1), 60_000, "p1", (released_in, "1", 0))])

    record = book.known("order", "1")
    assert isinstance(record, StepRecord)
    assert (book.releases.until_ms(record.intent) == 60_000) is is_waited_for
    assert (len(book.doubts("order", 0)) == 0) is is_waited_for
    assert [key for key in book.end("order") if b"/released/" in key], "it does not stay for ever"


def test_what_the_ledger_is_told_with_an_outcome_arrives_as_it_was() -> None:
    told = Outgoing("n.ledger", b"t-\xff", '{"text": "für"}'.encode(), (("ce_id", b"\xfe"),))
    late = LateOutcome(
        "i", "1", 1, LateState.ENDED, {"ok": True}, b"1", beside=beside_of([told, told])
    )

    sent = late.outgoing("n.a.answers", 0, 0)
    read = LateOutcome.from_record(Record(sent.topic, 0, 0, 0, sent.key, sent.value, sent.headers))

    assert [one.on("n.ledger") for one in read.beside] == [told, told]
    assert read == late
