"""What a person is asked, as sentences: all that whoever decides has to read, and nothing cut."""

from handrail.ledger.event import PersonAsked


def asked_in_words(event: PersonAsked) -> str:
    """Give the words of the contract, the act where they do not hold it, and why it is asked."""
    act = f" ({event.call})" if event.call and event.call not in event.text else ""
    return followed_by(f"{event.text}{act}", event.because)


def followed_by(text: str, reason: str | None) -> str:
    """Give a text and the sentence that follows it, with a full stop between them."""
    if not reason:
        return text
    return f"{text} {reason}" if text.endswith((".", "?", "!")) else f"{text}. {reason}"
