"""Who may take an act back, by what the ledger says of it."""

import itertools

import pytest

from handrail.errors import UndoRefused
from handrail.ledger import taking_back
from handrail.ledger.taking_back import DoneByTask, Marks, left_of
from handrail.ledger.undo_event import ActDone, ActUndone, UndoBegun, UndoEvent, UndoFailed

ACT = "i/0/1"
SAID = {"task_id": "t", "tenant": "default", "time_ms": 0}


def done(act: str = ACT, result: str = "null") -> ActDone:
    named = {"agent": "a", "tool": "book", "text": f"book {act}", "undo": "unbook"}
    return ActDone(**SAID, act=act, arguments="{}", result=result, **named)  # type: ignore[arg-type]


def begun(claim: str, over: tuple[str, ...] = (), attempt: int = 1) -> UndoBegun:
    named = {"undo_task": f"of {claim}", "effect": "unsafe", "attempt": attempt}
    return UndoBegun(**SAID, act=ACT, claim=claim, over=over, **named)  # type: ignore[arg-type]


def undone() -> ActUndone:
    return ActUndone(**SAID, act=ACT, undo_task="u", by="undoer")  # type: ignore[arg-type]


def failed(settles: str) -> UndoFailed:
    named = {"undo_task": "u", "step": "1", "sentence": "no"}
    return UndoFailed(**SAID, act=ACT, settles=settles, **named)  # type: ignore[arg-type]


def after(*events: UndoEvent) -> Marks:
    marks = Marks()
    for event in events:
        marks = marks.after(event)
    return marks


def test_of_two_claims_at_most_one_may_act_however_they_are_read() -> None:
    claims = [begun("a/0/1"), begun("b/0/1"), begun("b/0/1", ("a/0/1",))]
    for one, two in itertools.permutations(claims, 2):
        if one.claim == two.claim:
            continue
        # Each reads as far as its own claim at least.
        early, late = after(one), after(one, two)
        second_acts = late.in_the_way(two.claim, two.over) is None
        for marks in (early, late):
            first_acts = marks.in_the_way(one.claim, one.over) is None
            # Whoever overrules a claim has a person's word for it, or the key of the act.
            assert not (first_acts and second_acts) or (marks is early and two.over)


def test_a_claim_that_was_overruled_acts_no_more_when_it_is_tried_again() -> None:
    marks = after(begun("a/0/1"), begun("b/0/1", ("a/0/1",)), begun("a/0/1", attempt=2))

    other = marks.in_the_way("a/0/1", ())

    assert other is not None
    assert other.claim == "b/0/1"
    assert marks.in_the_way("b/0/1", ("a/0/1",)) is None


def test_claims_of_the_same_undo_are_in_nobodys_way_but_those_of_others() -> None:
    marks = after(begun("a/0/1"), begun("a/0/4"), begun("b/0/1"))

    assert marks.in_the_way("a/0/4", ()) is None
    assert [one.claim for one in marks.of_others("a")] == ["b/0/1"]


def test_a_claim_of_which_nothing_came_for_certain_is_open_no_longer() -> None:
    assert after(begun("a/0/1"), failed("")).claims
    assert after(begun("a/0/1"), failed("b/0/1")).claims
    assert not after(begun("a/0/1"), failed("a/0/1")).claims


def test_what_is_undone_stays_so_whatever_is_said_later() -> None:
    marks = after(begun("a/0/1"), undone(), begun("b/0/1"), failed("a/0/1"))

    assert (marks.undone, marks.claims) == (True, [])
    assert left_of("t", [done(), undone(), done()]) == []


def test_what_was_done_is_given_newest_first_with_its_open_claims() -> None:
    found = left_of("t", [done(), done("i/0/2"), begun("a/0/1"), done()])

    assert [one.act for one in found] == ["i/0/2", ACT]
    assert [[claim.claim for claim in one.marks.claims] for one in found] == [[], ["a/0/1"]]


def test_more_acts_than_one_undo_holds_are_refused_in_words() -> None:
    many, large = DoneByTask("t"), DoneByTask("t")
    for number in range(taking_back.ACTS_COUNT_MAX):
        many.hear(done(f"i/0/{number}"))

    with pytest.raises(UndoRefused, match="more than one undo holds"):
        many.hear(done("i/1/1"))
    with pytest.raises(UndoRefused, match="more than one undo holds"):
        large.hear(done(result="1" * (taking_back.ACTS_BYTES_MAX + 1)))
