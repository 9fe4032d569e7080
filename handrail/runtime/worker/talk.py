"""One call of a model, with what belongs to it in a lane, and how each of its turns is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from handrail.contract.effect import Effect
from handrail.contract.tool import Tool
from handrail.lane.steps import Asked
from handrail.models.loop import ModelCall
from handrail.models.port import ModelReply, ModelRequest
from handrail.runtime.worker.digest import call_in_words, digest_of

if TYPE_CHECKING:
    from handrail.contract.recall import Recalled

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Talk(Generic[R]):
    """A call of a model with what belongs to it here."""

    call: ModelCall[R]
    tools: Mapping[str, Tool[..., Any]]
    context: "Recalled | None"

    def turn(self, request: ModelRequest, path: str, effect: Effect) -> Asked:
        """Name one turn by what the handler asked for.

        The turns before follow from it and from what is recorded, and the words that the engine
        adds may change with its version.
        """
        named: dict[str, object] = {
            "prompt": request.prompt,
            "returns": request.returns,
            "tools": [tool.name for tool in request.tools],
            "sources": [(source.id, source.text) for source in request.sources],
        }
        if self.context is not None:
            # Its step stands for its text, which is not the same once somebody is forgotten.
            named["context"] = self.context.step
        return Asked(
            path=path,
            name="model",
            digest=digest_of(named),
            shown=call_in_words("model", [request.prompt]),
            effect=effect,
        )


def reply_as_json(reply: ModelReply) -> bytes:
    """Give a reply as the journal keeps it."""
    return reply.model_dump_json().encode()
