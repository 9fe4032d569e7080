"""What a person's decision leaves in the journal."""

from handrail.contract.effect import Effect
from handrail.lane.journal import Entry, Kind
from handrail.lane.resolving import resolve
from handrail.lane.steps import Asked, Begin, StepBook, StepState

ASKED = Asked("3", "pay", "d", "pay(x)", Effect.UNSAFE)


def book_of(*, in_doubt: bool = True, attempt: int = 2) -> StepBook:
    facts = {"name": "pay", "digest": "d", "shown": "pay(x)", "effect": "unsafe"}
    more = {"attempt": attempt, "first_ms": 1, "idem_key": "k", "key_ttl_s": None}
    book = StepBook()
    book.restore([Entry(Kind.INTENT, "i", 1, "1", 1, facts={**facts, **more}, path="3")])
    if in_doubt:
        book.restore([Entry(Kind.IN_DOUBT, "i", 1, "1", 2, path="3")])
    return book


def test_what_happened_is_an_outcome_like_any_other() -> None:
    book = book_of()

    found = resolve(book, "i/3/2", b'"r"', "Ada", 9)

    assert found is not None
    (entry,) = found.entries
    assert (entry.kind, entry.body, entry.facts["ok"]) == (Kind.OUTCOME, b'"r"', True)
    assert (entry.facts["by"], entry.facts["attempt"]) == ("Ada", 2)
    assert book.of("i").state("3") is StepState.SUCCEEDED
    assert book.doubts("i", 9) == []
    assert len(book.end("i")) == 3, "the end removes the doubt, too"


def test_what_did_not_happen_begins_anew_under_the_next_attempt() -> None:
    book = book_of()

    found = resolve(book, "i/3/2", None, "Ada", 9)

    assert found is not None
    assert found.removed == [b"i/in_doubt/3"]
    assert [entry.kind for entry in found.entries] == [Kind.INTENT]
    assert book.of("i").judge(ASKED, "clerk", "1", 10) == Begin(3, 10)
    assert book.doubts("i", 10) == []


def test_the_first_decision_counts_and_no_other() -> None:
    book = book_of()
    assert resolve(book, "i/3/2", None, "Ada", 9) is not None

    assert resolve(book, "i/3/2", b"1", "Bob", 10) is None


def test_a_decision_on_another_attempt_step_or_invocation_says_nothing() -> None:
    book = book_of()

    for request in ("i/3/1", "i/4/2", "j/3/2"):
        assert resolve(book, request, b"1", "Ada", 9) is None
    assert resolve(book_of(in_doubt=False), "i/3/2", b"1", "Ada", 9) is None
    assert len(book.doubts("i", 9)) == 1
