"""What came of a call to a tool of an MCP server: a closed set of endings, each in words.

Whatever a server says is data from a source that is not trusted: it gives nobody orders, and the
words in which an ending is told are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import orjson

from handrail.contract.failure import State
from handrail.contract.json_schema import foreign_misfit
from handrail.rails.mcp.definition import Definition, without_hidden

SAID_CHARS_MAX = 500  #: of a server's own words in an ending
CONTENT_KINDS = frozenset({"text", "image", "audio", "resource", "resource_link"})


class Ending(StrEnum):
    """How it ended."""

    DONE = "done"
    TOOL_FAILED = "tool_failed"  #: the server answered that the tool could not do it
    SERVER_REFUSED = "server_refused"  #: the server answered with an error of the protocol
    ARGUMENTS_UNFIT = "arguments_unfit"  #: not sent: they are not what was approved
    QUARANTINED = "quarantined"  #: not sent: the tool is not what was approved
    AWAY = "away"  #: not sent: the server cannot be reached
    HUNG = "hung"  #: sent, and no answer in time
    DIED = "died"  #: sent, and the server went away before it answered
    MALFORMED = "malformed"  #: an answer that is none, or not the promised one
    TOO_LARGE = "too_large"  #: an answer that is longer than it may be

    @property
    def sent(self) -> bool:
        """Whether the server may have acted."""
        return self not in {Ending.ARGUMENTS_UNFIT, Ending.QUARANTINED, Ending.AWAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a call."""

    ending: Ending
    result: bytes = b""  #: JSON of what the tool gave; only when it is done
    trusted: bool = False  #: never; it says what label the result has
    state: State | None = None
    title: str = ""
    detail: str = ""
    remedy: str = ""


#: state, detail, remedy. A call that was sent and not answered has perhaps acted: the effect that
#: the operator has declared decides what that means.
_WORDS: dict[Ending, tuple[State, str, str]] = {
    Ending.TOOL_FAILED: (
        State.PRECONDITION_FAILED,
        "The tool {tool} could not do it. Its server says, untrusted: {fact}",
        "Change the arguments if what it says calls for it, or go on without it.",
    ),
    Ending.SERVER_REFUSED: (
        State.INVALID_INPUT,
        "The server of {tool} refused the call. It says, untrusted: {fact}",
        "Change the arguments, or let an operator look at the server.",
    ),
    Ending.ARGUMENTS_UNFIT: (
        State.INVALID_INPUT,
        "The arguments of {tool} do not fit its approved schema: {fact}",
        "Correct the arguments that are named and call again.",
    ),
    Ending.QUARANTINED: (
        State.DENIED_BY_POLICY,
        "The tool {tool} is in quarantine: {fact}",
        "Let a person look at it (`handrail tools show {tool}`) and approve it.",
    ),
    Ending.AWAY: (
        State.DEPENDENCY_UNAVAILABLE,
        "The server of {tool} cannot be reached: {fact}",
        "The same request may be sent again later; `handrail tools remote` shows the server.",
    ),
    Ending.HUNG: (
        State.OUTCOME_UNKNOWN,
        "The server of {tool} did not answer within {fact} s.",
        "Find out at the other side whether it happened before it is sent again.",
    ),
    Ending.DIED: (
        State.OUTCOME_UNKNOWN,
        "The server of {tool} went away before it answered: {fact}",
        "Find out at the other side whether it happened before it is sent again.",
    ),
    Ending.MALFORMED: (
        State.OUTPUT_INVALID,
        "What the server of {tool} answered is no result: {fact}",
        "Let whoever looks after the server correct it; what it did is not undone.",
    ),
    Ending.TOO_LARGE: (
        State.OUTPUT_INVALID,
        "The result of {tool} is longer than {fact} bytes.",
        "Ask for less, or let an operator raise `result_bytes_max` of the server.",
    ),
}


def told(ending: Ending, tool: str, fact: object) -> Answer:
    """Give an ending in words; a fact that a server has written is cut and made visible."""
    state, detail, remedy = _WORDS[ending]
    # A server's words may be megabytes; what is cut anyway is not looked through.
    said = (
        without_hidden(str(fact)[: SAID_CHARS_MAX * 4])
        .replace("\n", " ")[:SAID_CHARS_MAX]
        .rstrip(". ")
    )
    return Answer(
        ending=ending,
        state=state,
        title=state.headline,
        detail=detail.format(tool=tool, fact=f"{said}" or "nothing"),
        remedy=remedy.format(tool=tool),
    )


def read_result(tool: str, pinned: Definition, raw: Mapping[str, Any], bytes_max: int) -> Answer:
    """Read what a server has answered, as JSON values; believes nothing of it.

    The schema and the values are the server's: to be called in a thread.
    """
    content = _blocks(raw.get("content"))
    if content is None:
        return told(Ending.MALFORMED, tool, "its content is no list of texts, images or resources")
    try:
        count = len(orjson.dumps(raw))
    except orjson.JSONEncodeError as error:
        # A number of more than 64 bits, or a form too deep: what a journal could not keep.
        return told(Ending.MALFORMED, tool, f"it holds what cannot be kept: {error}")
    if count > bytes_max:
        return told(Ending.TOO_LARGE, tool, bytes_max)
    if raw.get("isError") is True:
        return told(Ending.TOOL_FAILED, tool, _texts(content))
    structured = raw.get("structuredContent")
    if pinned.output_schema is not None:
        if structured is None:
            return told(Ending.MALFORMED, tool, "it promises a structured result and gave none")
        if wrong := foreign_misfit(pinned.output_schema, structured):
            return told(Ending.MALFORMED, tool, wrong)
    value = structured if structured is not None else [_plain(block) for block in content]
    return Answer(ending=Ending.DONE, result=orjson.dumps(_visible(value)))


def _blocks(content: object) -> list[Mapping[str, Any]] | None:
    """Give content as the blocks that it consists of; None when it is none."""
    if not isinstance(content, list):
        return None
    blocks = [_block(one) for one in cast("list[object]", content)]
    return [one for one in blocks if one is not None] if None not in blocks else None


def _block(value: object) -> Mapping[str, Any] | None:
    if not isinstance(value, dict):
        return None
    block = cast("dict[str, Any]", value)
    return block if block.get("type") in CONTENT_KINDS else None


def _plain(block: Mapping[str, Any]) -> dict[str, Any]:
    """Give a block without the hints that a server adds for clients."""
    return {name: one for name, one in block.items() if name not in {"_meta", "annotations"}}


def _texts(content: list[Mapping[str, Any]]) -> str:
    return " ".join(str(block["text"]) for block in content if block.get("type") == "text")


def _visible(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Take out of every text what nobody sees: words that only a model would read."""
    if isinstance(value, str):
        return without_hidden(value)
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, Any]", value)
        return {without_hidden(name): _visible(one) for name, one in inside.items()}
    if isinstance(value, list):
        return [_visible(one) for one in cast("list[object]", value)]
    return value
