"""Sentences are selected that answer a question, or none are, and the reason is said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.models.evidence import answers
from handrail.models.question import read
from handrail.models.selection import PICKS_MAX, QUESTION_CHARS_MAX, SourcePassage, select
from handrail.models.sentences import PIECE_CHARS_MAX, pieces
from handrail.models.words import identifiers

FERRY = SourcePassage(
    "ferry",
    "The Petrel was built in 1987 by the Oxley yard. She carries 180 passengers and 14 cars. "
    "A single costs 6.50 euros.\n\nDogs are welcome on the upper deck.",
    "The Marrow ferry",
)
LETTERS = SourcePassage(
    "letters",
    "Dead letters are kept for 30 days. `drain.timeout.ms` bounds the wait.",
    "Dead letters",
)
PASSAGES = [FERRY, LETTERS]


def chosen(question: str) -> str:
    selection = select(question, PASSAGES)
    assert selection.picks, selection.refused
    best = selection.picks[0]
    text = {one.id: one.text for one in PASSAGES}[best.passage]
    return text[best.start : best.end]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("Who built the Petrel?", "The Petrel was built in 1987 by the Oxley yard."),
        ("When was the Petrel built?", "The Petrel was built in 1987 by the Oxley yard."),
        ("How many cars fit on the ferry?", "She carries 180 passengers and 14 cars."),
        ("What is the fare for a single?", "A single costs 6.50 euros."),
        ("Are dogs allowed on the ferry?", "Dogs are welcome on the upper deck."),
        ("How long are dead letters retained?", "Dead letters are kept for 30 days."),
    ],
)
def test_the_sentence_that_answers_is_chosen_as_it_stands(question, sentence):
    assert sentence in chosen(question)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Who built the Kestrel?", "Nothing that was found mentions “Kestrel”."),
        (
            "What does drain.retries.max bound?",
            "Nothing that was found mentions “drain.retries.max”.",
        ),
        (
            "How many lifeboats does the ferry have?",
            "The nearest passage says nothing of “lifeboats”.",
        ),
        ("When was the ferry scrapped?", "The nearest passage says nothing of “scrapped”."),
        ("How heavy is the Petrel?", "What was found speaks of this, but gives no weight."),
        (
            "Who carries passengers?",
            "What was found speaks of this, but gives no person or a group.",
        ),
        ("What is it?", "The question has no word to search by."),
        ("", "The question has no word to search by."),
    ],
)
def test_what_is_not_said_is_refused_with_a_reason(question, reason):
    selection = select(question, PASSAGES)

    assert selection.picks == ()
    assert selection.refused == reason


def test_without_text_there_is_nothing_to_quote_from():
    assert select("Who built the Petrel?", []).refused == "There is no text to quote from."
    assert select("Who built the Petrel?", [SourcePassage("x", " \n---\n")]).refused is not None


def test_a_heading_is_read_for_what_it_is_about_and_never_quoted():
    hours = SourcePassage("hours", "It opens at nine on Saturdays.", "The map room")

    selection = select("When does the map room open on Saturdays?", [hours])

    (pick,) = selection.picks
    assert hours.text[pick.start : pick.end] == "It opens at nine on Saturdays."


@given(question=st.text(max_size=120), texts=st.lists(st.text(max_size=300), max_size=5))
def test_whatever_is_asked_of_whatever_text_what_is_chosen_stands_there(question, texts):
    passages = [SourcePassage(str(n), text) for n, text in enumerate(texts)]

    selection = select(question, passages)

    assert len(selection.picks) <= PICKS_MAX
    assert bool(selection.picks) != bool(selection.refused)
    for pick in selection.picks:
        assert 0 <= pick.start < pick.end <= len(texts[int(pick.passage)])
        assert 0.0 <= pick.score <= 1.0


@given(st.text(max_size=2000))
def test_pieces_are_in_order_and_never_overlap(text):
    cut = pieces(text)

    assert all(0 <= one.start < one.end <= len(text) for one in cut)
    assert all(a.end <= b.start for a, b in itertools.pairwise(cut))
    assert all(one.end - one.start <= PIECE_CHARS_MAX for one in cut)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two! Three? four", ["One.", "Two!", "Three? four"]),
        ("See e.g. Kafka 4.0. Dr. Alder agrees.", ["See e.g. Kafka 4.0.", "Dr. Alder agrees."]),
        ("A line\nthat goes on.\n\nNext", ["A line\nthat goes on.", "Next"]),
        ("- one\n- two\n  more\n1. three", ["one", "two\n  more", "three"]),
        ("| k | v |\n|---|---|\n| 1 | 2 |", ["| k | v |", "| 1 | 2 |"]),
        ("```\na = 1\nb = 2\n```\nAfter.", ["a = 1", "b = 2", "After."]),
    ],
)
def test_text_is_cut_into_sentences_items_rows_and_lines_of_code(text, cut):
    assert [text[one.start : one.end] for one in pieces(text)] == cut


#: Where each place is a new beginning that is read to its end, these take hours.
LONG = 300_000


@pytest.mark.parametrize("unit", [".", "!", ".)", ". ", "a"])
def test_no_passage_takes_long_to_be_cut(unit: str) -> None:
    assert len(pieces(unit * LONG)) <= LONG


@pytest.mark.parametrize("unit", ["a", "1", "A", "a.", "--"])
def test_no_word_takes_long_to_be_read_as_a_name_in_code(unit: str) -> None:
    assert len(identifiers(unit * LONG)) <= 1


@pytest.mark.parametrize(
    "question",
    ["How long does it take?", "How fast is it?", "What share of it?", "When was it?", "How far?"],
)
@pytest.mark.parametrize("unit", ["1", "1,", "1,,", ",1"])
def test_no_figure_takes_long_to_be_read(question: str, unit: str) -> None:
    assert not answers(read(question), f"{unit * LONG} x")


@pytest.mark.parametrize("text", ["It takes 1,500 ms.", "It takes (1,500 ms)", "a,15 ms b", "9 ms"])
def test_a_figure_is_found_as_before(text: str) -> None:
    assert answers(read("How long does it take?"), text)


def test_of_a_very_long_question_no_more_is_read_than_its_beginning() -> None:
    question = f"How many cars fit on the ferry? {'what do ' * LONG}"

    assert select(question, PASSAGES).picks == select(question[:QUESTION_CHARS_MAX], PASSAGES).picks


def test_of_a_very_long_heading_no_more_is_read_than_its_beginning() -> None:
    near = SourcePassage("a", "It costs 7 euros.", f"The Kestrel fare {'x ' * 2_000}")
    far = SourcePassage("a", "It costs 7 euros.", f"{'x ' * 2_000} The Kestrel fare")

    assert select("What is the fare of the Kestrel?", [near]).picks
    assert not select("What is the fare of the Kestrel?", [far]).picks
