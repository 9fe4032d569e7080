"""Between what an index finds and what a brief claims: passages as sources, excerpts as claims."""

from collections.abc import Sequence

from desk.brief import Claim
from desk.index import Shelf
from desk.passages import Passage
from desk.quotes import quote_words
from handrail import Passage as Source
from handrail import Selected


def to_source(passage: Passage) -> Source:
    """Give a passage in the form in which a model gets it."""
    return Source(id=passage.id, text=passage.text, heading=passage.heading, source=passage.source)


def as_claims(
    question: str, chosen: Selected, found: Sequence[Passage], beside: Sequence[str] = ()
) -> tuple[Claim, ...]:
    """Turn each excerpt into a claim that rests on it; one that is in no passage makes none.

    `beside` are the remembered records that were put before the model with the passages.
    """
    by_id = {passage.id: passage for passage in found}
    claims: list[Claim] = []
    for excerpt in chosen.excerpts:
        passage = by_id.get(excerpt.passage)
        quote = None if passage is None else quote_words(passage, excerpt.text)
        if quote is not None:
            text = " ".join(excerpt.text.split())
            own = Claim(question=question, text=text, quotes=(quote,), beside=tuple(beside))
            claims.append(own)
    return tuple(claims)


def nothing_on_the_shelf(collection: str, shelf: Shelf) -> str:
    """Say why a search of a collection has found nothing."""
    if shelf.passages:
        return "No document of the collection has any of its words."
    if not shelf.files and not shelf.left_out:
        return f"The collection {collection} holds no documents."
    return f"No document of the collection {collection} could be read."
