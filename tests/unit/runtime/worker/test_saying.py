"""The sentence in which the ledger says why something ended badly."""

from handrail.errors.steps import Diverged
from handrail.ledger.event import SENTENCE_CHARS_MAX
from handrail.runtime.worker.saying import in_full


def diverged(what: str) -> Diverged:
    """Give an error of three paragraphs, whose first has the length that is wanted."""
    return Diverged(agent="clerk", path="1", what_differs=what, because="the code changed")


def test_an_error_is_told_with_its_reason_and_its_cure_while_there_is_room() -> None:
    sentence = in_full(ValueError("no price\n for x"))

    assert sentence == "no price for x"
    assert "Do: " in in_full(diverged("step 1"))


def test_an_error_that_is_too_long_ends_with_a_sentence_and_not_in_the_middle_of_its_cure() -> None:
    error = diverged("x" * 200)

    assert len(str(error)) > SENTENCE_CHARS_MAX
    assert in_full(error) == error.what


def test_a_first_line_that_is_too_long_by_itself_is_cut_and_shows_it() -> None:
    sentence = in_full(ValueError("x" * 2 * SENTENCE_CHARS_MAX))

    assert (len(sentence), sentence[-1]) == (SENTENCE_CHARS_MAX, "…")
