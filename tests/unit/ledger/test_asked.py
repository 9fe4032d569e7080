"""A person reads the whole of what they decide on, in sentences that are apart."""

import pytest

from handrail.ledger.asked import asked_in_words, followed_by
from handrail.ledger.event import PersonAsked, RequestKind


@pytest.mark.parametrize("text", ["Send mail to bo", "Send mail to bo."])
def test_a_full_stop_stands_before_the_reason(text: str) -> None:
    assert followed_by(text, "It is asked because so.") == (
        "Send mail to bo. It is asked because so."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Send mail", "Send mail (send(to=1)). It is asked because so."),
        ("May this be done: send(to=1)?", "May this be done: send(to=1)? It is asked because so."),
    ],
)
def test_the_act_stands_once_in_what_is_asked(text: str, words: str) -> None:
    asked = PersonAsked(
        task_id="t",
        tenant="default",
        time_ms=1,
        request="i/1.a0/1",
        kind=RequestKind.APPROVAL,
        text=text,
        invocation="i",
        agent="clerk",
        call="send(to=1)",
        because="It is asked because so.",
    )

    assert asked_in_words(asked) == words
