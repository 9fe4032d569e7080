"""A model that says what the test has written down, and nothing else.

Each turn that an agent asks for takes the first line of the script that fits it. A turn that no
line fits fails the test and shows what was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import orjson
from pydantic import BaseModel, JsonValue, TypeAdapter

from handrail.contract.effect import Effect
from handrail.contract.tool import Tool
from handrail.models.port import ModelReply, ModelRequest, Stop, ToolCall
from handrail.testing.unscripted import Surprises

SHOWN_CHARS_MAX = 600


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of a script; made by `says` and `calls`."""

    reply: ModelReply
    when: str | None = None

    def fits(self, request: ModelRequest) -> bool:
        """Whether it may answer this turn."""
        return self.when is None or self.when in request.prompt


def says(value: object, *, when: str | None = None) -> Line:
    """Let the model answer with this value: a text, a pydantic model, or whatever JSON can hold.

    With `when` the line answers only a prompt that contains these words.
    """
    if isinstance(value, str):
        return Line(ModelReply(model="scripted", text=value), when)
    return Line(ModelReply(model="scripted", value=_json(value)), when)


def calls(
    tool: Tool[..., Any] | str,
    arguments: Mapping[str, object] | None = None,
    *,
    when: str | None = None,
) -> Line:
    """Let the model ask for one tool call; its result comes with the next turn.

    A tool may be named by a text, to see what becomes of a call of a tool that is not there.
    """
    name = tool if isinstance(tool, str) else tool.name
    given = cast("dict[str, JsonValue]", _json(dict(arguments or {})))
    wish = ToolCall(id=f"call-{next(_numbers)}", name=name, arguments=given)
    return Line(ModelReply(model="scripted", stop=Stop.TOOLS, tool_calls=(wish,)), when)


_numbers = count(1)


class ScriptedModel:
    """Implements `handrail.models.port.Model`; all agents of a team share it."""

    def __init__(self, surprises: Surprises) -> None:
        """Begin with an empty script."""
        self.name = "scripted"
        self.effect = Effect.PURE
        self.asked: list[ModelRequest] = []  #: every turn that was asked for, in order
        self._lines: list[Line] = []
        self._surprises = surprises

    def script(self, *lines: Line) -> None:
        """Add to what the model will say, in order."""
        self._lines.extend(lines)

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Give the first line that fits. Raises UnscriptedError when none does."""
        self.asked.append(request)
        for line in self._lines:
            if line.fits(request):
                self._lines.remove(line)
                return line.reply
        raise self._surprises.say(_in_words(request, self._lines))


def _json(value: object) -> JsonValue:
    if isinstance(value, BaseModel):
        return cast("JsonValue", value.model_dump(mode="json", by_alias=True))
    return cast("JsonValue", orjson.loads(TypeAdapter(object).dump_json(value, by_alias=True)))


def _in_words(request: ModelRequest, lines: list[Line]) -> str:
    asked = [
        "The model was asked for a turn that the test has not scripted.",
        f"  prompt:  {_cut(request.prompt)}",
        f"  returns: {_cut(orjson.dumps(request.returns).decode()) if request.returns else 'text'}",
    ]
    if request.tools:
        asked.append(f"  tools:   {', '.join(tool.name for tool in request.tools)}")
    if request.sources:
        asked.append(f"  sources: {', '.join(source.id for source in request.sources)}")
    asked += [f"  after:   {_cut(turn.model_dump_json())}" for turn in request.turns[-2:]]
    left = ", ".join(f"when={line.when!r}" for line in lines) or "nothing"
    asked.append(f"  script:  {left} was left")
    asked.append("  Write it down: team.model.script(says(VALUE)) or (calls(TOOL, ARGUMENTS))")
    return "\n".join(asked)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
