"""The model that needs no key: it answers from the given sources by selecting, never by inventing.

Guarantees: every excerpt stands in its passage character for character; the same call gives the
same answer; nothing leaves the process. It serves one kind of call, a question with `sources=`
whose answer is `Selected` or a model that needs no more than its two fields, and raises
ModelNeeded for every other.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from handrail.contract.effect import Effect
from handrail.errors import ModelNeeded
from handrail.models.answer import Excerpt, Selected
from handrail.models.port import JsonObject, ModelReply, ModelRequest, SourcePassage

NAME = "extractive"
_FIELDS = frozenset(Selected.model_fields)


class ExtractiveModel:
    """The adapter without a provider. Tools that are offered are not called."""

    @property
    def name(self) -> str:
        """A fixed name; there is no provider behind it."""
        return NAME

    @property
    def effect(self) -> Effect:
        """It costs nothing and may be asked again freely."""
        return Effect.PURE

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Select what answers the prompt. Raises ModelNeeded unless it asks for `Selected`."""
        if not request.sources:
            raise ModelNeeded(reason="only a call with sources= can be answered by selecting")
        if not fillable(request.returns):
            raise ModelNeeded(reason="only returns=Selected can be filled by selecting")
        # Reading many passages takes tens of milliseconds; heartbeats must go on meanwhile.
        answer = await asyncio.to_thread(answer_by_selecting, request.prompt, request.sources)
        return ModelReply(model=NAME, value=answer.model_dump(mode="json"))


def answer_by_selecting(question: str, sources: Sequence[SourcePassage]) -> Selected:
    """Give the excerpts that answer the question, or the selection's reason for none."""
    # Its word lists take 60 ms to load, and most agents never ask.
    from handrail.models import selection  # noqa: PLC0415

    chosen = selection.select(
        question,
        [
            selection.SourcePassage(id=each.id, text=each.text, heading=each.heading)
            for each in sources
        ],
    )
    texts = {each.id: each.text for each in sources}
    excerpts = tuple(
        Excerpt(passage=pick.passage, text=texts[pick.passage][pick.start : pick.end])
        for pick in chosen.picks
    )
    if excerpts:
        return Selected(excerpts=excerpts)
    return Selected(refusal=chosen.refused or "No passage answers this question.")


def fillable(schema: JsonObject | None) -> bool:
    """Say whether excerpts are all that an answer of this schema must have."""
    match schema:
        case {"properties": {"excerpts": {"items": {"$ref": "#/$defs/Excerpt"}}}, **others}:
            return _FIELDS.issuperset(cast("list[str]", others.get("required", [])))
        case _:
            return False
