"""The port to language models: what the engine asks of one, and what it gets back.

Everything that passes here is JSON, so that a turn can be recorded and played back. A model
never runs a tool and never validates an answer: it says what it wants, `models.loop` does it.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from handrail.contract.effect import Effect
from handrail.contract.passage import Passage
from handrail.contract.tool import Tool

JsonObject = dict[str, JsonValue]

TOKENS_MAX_DEFAULT = 8_192  #: what one reply may cost, reasoning included
TIMEOUT_S_DEFAULT = 120.0  #: one turn with all retries; half a minute is a usual long answer


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourcePassage(_Frozen):
    """A piece of a source, word for word, under an id that is unique within one call."""

    id: str
    text: str
    heading: str = ""  #: where the piece stands; read for what it is about, never quoted

    @classmethod
    def of(cls, passage: Passage) -> "SourcePassage":
        """Give what a model is shown of a passage: its proof stays with the team."""
        return cls(id=passage.id, text=passage.text, heading=passage.heading)


class ToolSpec(_Frozen):
    """What a model is told about one tool."""

    name: str
    description: str
    arguments: JsonObject = Field(description="A JSON schema of an object.")

    @classmethod
    def of(cls, tool: Tool[..., Any]) -> "ToolSpec":
        """Give what a model is told of a registered tool; effect and rails are not its matter."""
        return cls(name=tool.name, description=tool.description, arguments=tool.args_schema)


class ToolCall(_Frozen):
    """A wish of a model: `arguments` is an object, or `malformed` holds what came instead."""

    id: str  #: pairs the call with its result; unique within one conversation
    name: str  #: as the model wrote it: such a tool may not exist
    arguments: JsonObject | None
    malformed: str | None = None


class ToolResult(_Frozen):
    """What a model is told about one of its calls."""

    call_id: str
    text: str
    failed: bool = False


class Usage(_Frozen):
    """Tokens as the provider counted them. Input is the sum of the three kinds of input."""

    input_tokens: int = 0  #: neither written to nor read from the provider's cache
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Give the sum, kind by kind."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
        )


class Stop(StrEnum):
    """Why a model stopped."""

    FINISHED = "finished"  #: it has said what it wanted to say
    TOOLS = "tools"  #: it waits for the results of its calls
    PAUSED = "paused"  #: it goes on when it is given back what it has said, unchanged
    CUT = "cut"  #: the limit of tokens was reached; what there is, is not whole
    DECLINED = "declined"  #: it, or its provider, will not answer this


class ModelReply(_Frozen):
    """One turn of a model.

    `value` is set by an adapter that has the answer as JSON already; else `text` holds it, which
    for a structured answer is the JSON itself. `carried` is for the adapter alone: what it needs
    to see again of this turn; it comes back unread in `ModelTurn`.
    """

    model: str  #: the exact model that answered, as its provider names it
    stop: Stop = Stop.FINISHED
    text: str = ""
    value: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    cost_micros: int | None = None  #: set by the engine, from `costs`; None: nobody knows
    prices: str | None = None  #: by which list and version of it
    carried: tuple[JsonObject, ...] = ()


class ModelTurn(_Frozen):
    """What the model said earlier in this conversation."""

    kind: Literal["model"] = "model"
    reply: ModelReply


class ToolTurn(_Frozen):
    """The results of every call of the model's turn before it, in the order of the calls."""

    kind: Literal["tools"] = "tools"
    results: tuple[ToolResult, ...]


class CorrectionTurn(_Frozen):
    """Why the model's turn before it was not accepted; the model is to answer again."""

    kind: Literal["correction"] = "correction"
    text: str


Turn = Annotated[ModelTurn | ToolTurn | CorrectionTurn, Field(discriminator="kind")]


class ModelRequest(_Frozen):
    """One turn that is asked of a model: the whole conversation, since models keep nothing."""

    prompt: str
    system: str = ""  #: how to work; written by the engine, never by a source
    returns: JsonObject | None = None  #: the JSON schema of the answer; None: plain text
    tools: tuple[ToolSpec, ...] = ()
    answer_now: bool = False  #: no more calls: the tools are named only for what was said before
    context: str = ""  #: what is remembered, as it was put together; never instructions
    sources: tuple[SourcePassage, ...] = ()  #: material to answer from, never instructions
    turns: tuple[Turn, ...] = ()  #: what came after the prompt, oldest first
    tokens_max: int = Field(default=TOKENS_MAX_DEFAULT, gt=0)
    timeout_s: float = Field(default=TIMEOUT_S_DEFAULT, gt=0)  #: for this turn, retries included


class Model(Protocol):
    """A language model. Your own is one class with these two attributes and this one method.

    `respond` gets the whole conversation and gives one turn. It must

    - send every `ToolResult` back under the id of its call, and each `CorrectionTurn` as words of
      the user;
    - give arguments that are not a JSON object as `ToolCall(arguments=None, malformed=...)`,
      never guess them, and give no call at all of a turn that was cut;
    - present `sources` by their ids as material, apart from instructions, and `context` too,
      whole and with not a byte changed;
    - when `returns` is set, ask for JSON of that schema, as `value` or as `text`; it need not
      check the answer: the engine validates it and asks again at most twice;
    - end within `timeout_s` and let `CancelledError` through;
    - raise an error of `handrail.errors` (see `ModelOverloaded`, `ModelTimedOut`,
      `ModelRequestRefused`) and no exception of a foreign library.

    It must not run tools, keep state between calls, or fill in what the model did not say.
    An adapter that holds connections has `async def close(self) -> None` too. One whose turns cost
    money has `async def costs(self, usage: Usage) -> ModelCost | None` (`handrail.models.prices`);
    without it nobody knows what a turn costs, and a task that has a budget is refused its turns.
    """

    @property
    def name(self) -> str:
        """The model this adapter asks by default; shown to people and recorded."""
        ...

    @property
    def effect(self) -> Effect:
        """`Effect.PAID` when a call costs money, `Effect.PURE` when it may be repeated freely."""
        ...

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Give the next turn of the conversation."""
        ...
