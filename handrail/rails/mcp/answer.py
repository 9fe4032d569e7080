"""What came of a call to a tool of an MCP server, in words: its result, or how it has ended.

Whatever a server says is data from a source that is not trusted: it gives nobody orders, and the
words in which an ending is told are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from handrail.contract.acted import LEAVES_NO_TRACE
from handrail.contract.effect import Effect
from handrail.contract.failure import State
from handrail.contract.json_schema import foreign_misfit
from handrail.rails.mcp.definition import Definition, without_hidden
from handrail.rails.mcp.ending import Ending, state_of

SAID_CHARS_MAX = 500  #: of a server's own words in an ending
CONTENT_KINDS = frozenset({"text", "image", "audio", "resource", "resource_link"})


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
    retry_after_s: float | None = None


FIND_OUT: Final = "Find out at the other side whether it happened before it is sent again."
SHORTER_NEXT_TIME: Final = "Let an operator raise `result_bytes_max` of the server."
_OPERATOR: Final = "Let an operator look at the server: `handrail tools remote`."

#: Detail and remedy. Only what follows "untrusted" are a server's own words.
_WORDS: dict[Ending, tuple[str, str]] = {
    Ending.ARGUMENTS_UNFIT: (
        "The arguments of {tool} do not fit its approved schema: {fact}",
        "Correct the arguments that are named and call again.",
    ),
    Ending.QUARANTINED: (
        "The tool {tool} is in quarantine: {fact}",
        "Let a person look at it (`handrail tools show {tool}`) and approve it.",
    ),
    Ending.AWAY: (
        "The server of {tool} cannot be reached: {fact}",
        "The same request may be sent again later; `handrail tools remote` shows the server.",
    ),
    Ending.SESSION_GONE: (
        "The server of {tool} no longer knows its session with us: {fact}",
        "The same request may be sent again later; `handrail tools remote` shows the server.",
    ),
    Ending.LOCKED_OUT: (
        "The server of {tool} does not accept our credentials: {fact}",
        "Let an operator renew the token that `token_env` of the server names.",
    ),
    Ending.FORBIDDEN: (
        "The call of {tool} was refused on its way: {fact}",
        "Let an operator look at what the token of the server allows.",
    ),
    Ending.THROTTLED: (
        "The server of {tool} gets too many requests: {fact}",
        "Call again after the time that is named.",
    ),
    Ending.STATUS_REFUSED: (
        "The call of {tool} was not taken: {fact}",
        "Change the arguments, or let an operator look at the server.",
    ),
    Ending.STATUS_FAILED: (
        "The server of {tool}, or what stands before it, failed: {fact}",
        "The same request may be sent again later; `handrail tools remote` shows the server.",
    ),
    Ending.SERVER_REFUSED: (
        "The server of {tool} answered that the request is wrong. It says, untrusted: {fact}",
        "Change the arguments, or let an operator look at the server.",
    ),
    Ending.SERVER_FAILED: (
        "The server of {tool} answered with an error. It says, untrusted: {fact}",
        "The same request may be sent again later; `handrail tools remote` shows the server.",
    ),
    Ending.TOOL_FAILED: (
        "The server of {tool} answered that the tool failed. It says, untrusted: {fact}",
        "Change the arguments if what it says calls for it, or go on without it.",
    ),
    Ending.HUNG: ("The server of {tool} did not answer within {fact} s.", _OPERATOR),
    Ending.DIED: ("The server of {tool} went away before it answered: {fact}", _OPERATOR),
    Ending.NO_ANSWER: (
        "What came from the server of {tool} is no answer: {fact}",
        _OPERATOR,
    ),
    Ending.MALFORMED: (
        "What the server of {tool} answered is no result: {fact}",
        "Let whoever looks after the server correct it; what it did is not undone.",
    ),
    Ending.TOO_LARGE: (
        "The result of {tool} is longer than {fact} bytes.",
        f"Ask for less, or let {SHORTER_NEXT_TIME[4:]}",
    ),
}


class Ended(Exception):
    """A call has ended without a result; `fact` says the particulars."""

    def __init__(self, ending: Ending, fact: object, retry_after_s: float | None = None) -> None:
        """End it so; `retry_after_s` is for how long the other side asks to be left alone."""
        super().__init__(ending, fact)
        self.ending = ending
        self.fact = fact
        self.retry_after_s = retry_after_s


def told(
    ending: Ending, tool: str, fact: object, effect: Effect, retry_after_s: float | None = None
) -> Answer:
    """Give an ending of a tool of this effect in words.

    A fact that a server has written is cut and made visible.
    """
    state, (detail, remedy) = state_of(ending, effect), _WORDS[ending]
    if state is State.OUTCOME_UNKNOWN:
        remedy, retry_after_s = FIND_OUT, None
    elif ending is Ending.TOO_LARGE and effect not in LEAVES_NO_TRACE:
        remedy = SHORTER_NEXT_TIME  # to ask for less now would be to act once more
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
        retry_after_s=retry_after_s,
    )


def read_result(pinned: Definition, raw: Mapping[str, Any], bytes_max: int) -> Answer:
    """Read what a server has answered, as JSON values; believes nothing of it. Raises Ended.

    The schema and the values are the server's: to be called in a thread.
    """
    content = _blocks(raw.get("content"))
    if raw.get("isError") is True:
        # Before anything else: such a result does not say that the tool has acted.
        raise Ended(Ending.TOOL_FAILED, _texts(content or []))
    if content is None:
        raise Ended(Ending.MALFORMED, "its content is no list of texts, images or resources")
    try:
        count = len(orjson.dumps(raw))
    except orjson.JSONEncodeError as error:
        # A number of more than 64 bits, or a form too deep: what a journal could not keep.
        raise Ended(Ending.MALFORMED, f"it holds what cannot be kept: {error}") from error
    if count > bytes_max:
        raise Ended(Ending.TOO_LARGE, bytes_max)
    structured = raw.get("structuredContent")
    if pinned.output_schema is not None:
        if structured is None:
            raise Ended(Ending.MALFORMED, "it promises a structured result and gave none")
        if wrong := foreign_misfit(pinned.output_schema, structured):
            raise Ended(Ending.MALFORMED, wrong)
    value = structured if structured is not None else [_plain(block) for block in content]
    return Answer(ending=Ending.DONE, result=orjson.dumps(visible(value)))


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


def visible(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Take out of every text what nobody sees: words that only a model would read."""
    if isinstance(value, str):
        return without_hidden(value)
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, Any]", value)
        return {without_hidden(name): visible(one) for name, one in inside.items()}
    if isinstance(value, list):
        return [visible(one) for one in cast("list[object]", value)]
    return value
