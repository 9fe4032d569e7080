"""What the desk remembers: answers that were proved once, and serve the next who asks the same.

Guarantees: a remembered answer serves only a question that asks the same in the same words, but for
articles, capitals and signs; and whether it serves as the answer or beside the documents of another
question, only while every source that it quotes has the bytes that it had.
Whoever reviews a brief proves remembered quotes like any others.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from desk.brief import Brief, Claim, Fault, faults
from desk.place import known_collections
from desk.quotes import Quote

SOURCES_MAX, PATH_CHARS_MAX = 200, 400  #: of what memory keeps with a record

_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_ARTICLES = frozenset({"a", "an", "the"})


Verdict = Literal["passed", "sent back", "struck"]


class Fact(BaseModel):
    """What was proved once in answer to a question, with every quote it rests on."""

    model_config = ConfigDict(frozen=True)

    question: str
    collection: str
    claims: tuple[Claim, ...] = ()
    gone: str | None = None  #: why it holds no longer: a source has changed

    def without_proof(self, why: str) -> "Fact":
        """Give what is left of it once a source has changed: the question, and why."""
        return Fact(question=self.question, collection=self.collection, gone=why)

    def in_place_of(self, old: "Fact | None") -> "Fact":
        """Give this one, whatever was there: it was proved just now."""
        del old
        return self


class Review(BaseModel):
    """What a reviewer decided on one draft, and why."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    claims: int
    faults: tuple[Fault, ...] = ()


def key_of(collection: str, question: str) -> str:
    """Give the key under which the answer to a question is kept: the same for the same question.

    Words keep their order, so that who did what to whom is another question than the reverse.
    """
    words = [word for word in _WORD.findall(question.casefold()) if word not in _ARTICLES]
    return f"{collection}/{hashlib.sha256(' '.join(words).encode()).hexdigest()[:32]}"


async def what_is_wrong(kept: list[Fact]) -> list[str | None]:
    """Prove every quote of facts against the files as they are; say of each what is wrong."""
    known = known_collections()
    found = [await asyncio.to_thread(faults, one.claims, known) for one in kept]
    return [one[0].reason if one else None for one in found]


async def found_faults(brief: Brief) -> list[Fault]:
    """Prove every quote of a brief against the files as they are."""
    return list(await asyncio.to_thread(faults, brief.claims, known_collections()))


def remembered(fact: Fact, question: str) -> tuple[Claim, ...]:
    """Give the claims of a fact as the answer to a question, marked as remembered."""
    return tuple(
        claim.model_copy(update={"question": question, "remembered": True}) for claim in fact.claims
    )


def worth_keeping(brief: Brief) -> list[Fact]:
    """Give a fact for each question that a proved brief answers and that was looked up for it."""
    questions = dict.fromkeys(claim.question for claim in brief.claims)
    found: list[Fact] = []
    for question in questions:
        claims = tuple(claim for claim in brief.claims if claim.question == question)
        if not any(claim.remembered for claim in claims):
            found.append(Fact(question=question, collection=brief.collection, claims=claims))
    return found


def sources_of(fact: Fact) -> tuple[str, ...]:
    """Name what a fact was made from: the documents it quotes, and what was remembered beside them.

    Whoever retracts a document by such a name takes back what was proved from these bytes of it.
    """
    quotes = [quote for claim in fact.claims for quote in claim.quotes]
    named = [document_of(quote) for quote in quotes]
    beside = [one for claim in fact.claims for one in claim.beside]
    return tuple(dict.fromkeys((*named, *beside)))[:SOURCES_MAX]


def document_of(quote: Quote) -> str:
    """Name the bytes of a document; a path that is very long is left out of it."""
    path = f"{quote.collection}/{quote.source}"
    shown = path if len(path) <= PATH_CHARS_MAX else quote.collection[:PATH_CHARS_MAX]
    return f"document:{shown}@{quote.source_sha256}"


def judged(claims: int, found: Sequence[Fault], *, sent_back: bool) -> Review:
    """Give what is decided on a draft with these faults."""
    verdict: Verdict = "sent back" if sent_back else "struck" if found else "passed"
    return Review(verdict=verdict, claims=claims, faults=tuple(found))
