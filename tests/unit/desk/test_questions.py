"""What a person asks is split by written rules into questions that can be looked up alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.questions import QUESTION_CHARS_MAX, QUESTIONS_MAX, split, split_all


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("", []),
        ("...", []),
        ("What is a lane?", ["What is a lane?"]),
        ("retention of dead letters", ["retention of dead letters"]),
        ("What is Kafka and who made it?", ["What is Kafka?", "Who made Kafka?"]),
        (
            "How does acks work and what is its default?",
            ["How does acks work?", "What is acks's default?"],
        ),
        (
            "Who built the ferry, when did it open and how many people does it carry?",
            [
                "Who built the ferry?",
                "When did the ferry open?",
                "How many people does the ferry carry?",
            ],
        ),
        (
            "What differs between a lane and a mailbox?",
            ["What differs between a lane and a mailbox?"],
        ),
        ("We run Kafka 4. How long is data kept? Thanks.", ["How long is data kept?"]),
        (
            "How long is data kept? Who pays; and when?",
            ["How long is data kept?", "Who pays and when?"],
        ),
        (
            "Tell me how retention works. Explain compaction.",
            ["Tell me how retention works.", "Explain compaction."],
        ),
        (
            "Please find out:\n- cost of a return\n2. who sails it?\n",
            ["cost of a return", "Who sails it?"],
        ),
        ("What is a lane? what is a lane?", ["What is a lane?"]),
        (
            "Which settings matter, e.g. Kafka's acks, and why?",
            ["Which settings matter, e.g. Kafka's acks and why?"],
        ),
    ],
)
def test_a_text_is_split_into_its_questions(text, questions):
    assert split(text) == questions


def test_what_is_beyond_sixteen_questions_is_given_back():
    text = "\n".join(f"- question number {n}" for n in range(20))

    found = split_all(text)

    assert len(found.questions) == QUESTIONS_MAX
    assert found.beyond == tuple(f"question number {n}" for n in range(16, 20))


@given(st.text(max_size=400))
def test_any_text_is_split_within_the_limits(text):
    found = split_all(text)

    assert len(found.questions) <= QUESTIONS_MAX
    assert all(one.strip() and len(one) <= QUESTION_CHARS_MAX + 60 for one in found.questions)
    assert bool(found.questions) or not any(c.isalnum() for c in text)
