"""The answer made of quotes: what every adapter can give for a question over sources.

Guarantees: an accepted answer holds only text that stands in the passage it names, character for
character. Differences in white space alone are mended from the passage; any other is an error.
"""

import re
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from handrail.models.port import SourcePassage

EXCERPTS_COUNT_MAX = 32


class Excerpt(BaseModel):
    """A stretch of one passage, word for word."""

    model_config = ConfigDict(frozen=True)

    passage: str = Field(description="The id of the passage.")
    text: str = Field(description="Copied from the passage word for word.", min_length=1)


class Selected(BaseModel):
    """What in the sources answers a question, most telling first; or why nothing does.

    The only answer that needs no model key: `ctx.model(question, returns=Selected, sources=...)`.
    The prompt is then the bare question. Either there are excerpts or there is a refusal.
    """

    model_config = ConfigDict(frozen=True)

    excerpts: tuple[Excerpt, ...] = Field(default=(), max_length=EXCERPTS_COUNT_MAX)
    refusal: str | None = Field(
        default=None, description="Why no passage answers; null when excerpts are given."
    )

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if bool(self.excerpts) == bool(self.refusal):
            message = "give either at least one excerpt, or a refusal that says why there is none"
            raise ValueError(message)
        return self


def word_for_word(answer: Selected, passages: Iterable[SourcePassage]) -> Selected | str:
    """Give the answer with each excerpt as its passage has it, or say in words what is wrong."""
    texts = {passage.id: passage.text for passage in passages}
    proved: list[Excerpt] = []
    for excerpt in answer.excerpts:
        if excerpt.passage not in texts:
            return f"there is no passage {excerpt.passage!r}; the ids are {', '.join(texts)}"
        found = stretch(excerpt.text, texts[excerpt.passage])
        if found is None:
            return (
                f"passage {excerpt.passage!r} does not contain {excerpt.text[:200]!r};"
                " copy the words exactly, in one stretch, without leaving any out"
            )
        proved.append(Excerpt(passage=excerpt.passage, text=found))
    return answer.model_copy(update={"excerpts": tuple(proved)})


def stretch(wanted: str, text: str) -> str | None:
    """Give the part of `text` that says `wanted`, differing in white space at most; else None."""
    wanted_words = wanted.split()
    if not wanted_words:
        return None
    if wanted.strip() in text:
        return wanted.strip()
    match = re.search(r"\s+".join(map(re.escape, wanted_words)), text)
    return match.group() if match else None
