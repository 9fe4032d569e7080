"""Mends the claims that a reviewer objects to, by quoting the documents anew as they are."""

from collections.abc import Sequence

from desk.brief import Brief, Claim, Fault
from desk.collections import NoSuchCollection
from desk.place import library
from desk.quotes import quote_words


def revise(brief: Brief, found: Sequence[Fault]) -> Brief:
    """Give the brief with a new quote under each faulty claim for which there is one.

    A claim whose words stand nowhere any more is left as it was. Nothing is reworded: a claim
    says what it said, or it is struck.
    """
    faulty = {fault.claim for fault in found}
    claims = tuple(
        _quoted_anew(claim, brief.collection) if number in faulty else claim
        for number, claim in enumerate(brief.claims)
    )
    return brief.model_copy(update={"claims": claims})


def _quoted_anew(claim: Claim, collection: str) -> Claim:
    try:
        passages = library(collection).search(claim.text)
    except NoSuchCollection:
        return claim
    for passage in passages:
        quote = quote_words(passage, claim.text)
        if quote is not None:
            return claim.model_copy(update={"quotes": (quote,)})
    return claim
