"""Mends the claims that a reviewer objects to, by quoting the documents anew as they are."""

from collections.abc import Sequence

from desk.brief import Brief, Claim, Fault
from desk.collections import NoSuchCollection
from desk.place import library
from desk.quotes import Quote, quote_words


def revise(brief: Brief, found: Sequence[Fault]) -> Brief:
    """Give the brief with each quote of a faulty claim taken anew from where its words stand now.

    A quote whose words stand nowhere any more is left as it was. Nothing is reworded: a claim
    says what it said, or it is struck.
    """
    faulty = {fault.claim for fault in found}
    claims = tuple(
        _quoted_anew(claim, brief.collection) if number in faulty else claim
        for number, claim in enumerate(brief.claims)
    )
    return brief.model_copy(update={"claims": claims})


def _quoted_anew(claim: Claim, collection: str) -> Claim:
    quotes = tuple(_found_again(quote, collection) or quote for quote in claim.quotes)
    return claim.model_copy(update={"quotes": quotes, "remembered": False})


def _found_again(quote: Quote, collection: str) -> Quote | None:
    try:
        passages = library(collection).search(quote.text)
    except NoSuchCollection:
        return None
    found = (quote_words(passage, quote.text) for passage in passages)
    return next((one for one in found if one is not None), None)
