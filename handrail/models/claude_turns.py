"""Conversations as the Messages API writes them, and its streams read back into replies.

Guarantees: pure, and knows no SDK; a reply is given only for a stream that came to its end, and a
tool call only for a turn that was not cut. Checked against API version 2026-10-21.
"""

from collections.abc import Iterable
from typing import cast

from pydantic import JsonValue
from pydantic_core import to_json

from handrail.models.loop import parse_arguments
from handrail.models.port import (
    CorrectionTurn,
    JsonObject,
    ModelReply,
    ModelRequest,
    ModelTurn,
    Stop,
    ToolCall,
    ToolTurn,
    Usage,
)

CACHED: JsonObject = {"type": "ephemeral"}

FULL = "model_context_window_exceeded"  #: a reason for stopping of which there is no reply

#: Every other reason the API gives for stopping; one that is not here is read as `finished`.
STOPS = {
    "end_turn": Stop.FINISHED,
    "stop_sequence": Stop.FINISHED,
    "tool_use": Stop.TOOLS,
    "max_tokens": Stop.CUT,
    "pause_turn": Stop.PAUSED,
    "refusal": Stop.DECLINED,
}


def body(request: ModelRequest, model: str) -> JsonObject:
    """Give the request of one turn, but for the schema of the answer.

    The order is the order of the API's cache (tools, system, messages), and what stays the same
    from call to call comes first, so that tools, system and sources are paid for once.
    """
    asked: JsonObject = {
        "model": model,
        "max_tokens": request.tokens_max,
        "messages": _messages(request),
    }
    if request.system:
        block: JsonObject = {"type": "text", "text": request.system, "cache_control": CACHED}
        asked["system"] = [block]
    if request.tools:
        asked["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.arguments}
            for tool in request.tools
        ]
        asked["tool_choice"] = {"type": "none" if request.answer_now else "auto"}
        asked["cache_control"] = CACHED
    return asked


def asked_in_words(schema: JsonObject) -> str:
    """Ask for an answer whose schema the API cannot enforce."""
    return (
        "Answer with JSON alone, nothing before or after it, that fits this JSON schema:\n"
        f"{to_json(schema).decode()}"
    )


def _messages(request: ModelRequest) -> list[JsonValue]:
    opening: list[JsonValue] = [
        _document(source.id, source.text, source.heading)
        for source in request.sources
        if source.text.strip()
    ]
    if opening:
        cast("JsonObject", opening[-1])["cache_control"] = CACHED
    if request.context:
        # After the sources, which the cache keeps: what is remembered differs from call to call.
        opening.append(_document("memory", request.context, ""))
    opening.append(_text(request.prompt))
    messages: list[JsonValue] = [{"role": "user", "content": opening}]
    for turn in request.turns:
        match turn:
            case ModelTurn(reply=reply):
                said: list[JsonValue] = [*(reply.carried or _blocks(reply))]
                # The API refuses an empty message; a cut turn may have said nothing yet.
                if said:
                    messages.append({"role": "assistant", "content": said})
            case ToolTurn(results=results):
                told: list[JsonValue] = [
                    {
                        "type": "tool_result",
                        "tool_use_id": result.call_id,
                        "content": result.text or "(nothing)",
                        "is_error": result.failed,
                    }
                    for result in results
                ]
                messages.append({"role": "user", "content": told})
            case CorrectionTurn(text=text):
                messages.append({"role": "user", "content": [_text(text)]})
    return messages


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _document(title: str, text: str, context: str) -> JsonObject:
    # A block of its own: no text in a source can pretend to be the end of it.
    source: JsonObject = {"type": "text", "media_type": "text/plain", "data": text}
    block: JsonObject = {"type": "document", "title": title, "source": source}
    return {**block, "context": context} if context else block


def _blocks(reply: ModelReply) -> list[JsonObject]:
    text = reply.text if reply.value is None else to_json(reply.value).decode()
    blocks = [_text(text)] if text.strip() else []
    calls: Iterable[JsonObject] = (
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments or {}}
        for call in reply.tool_calls
    )
    return [*blocks, *calls]


class Incoming:
    """One streamed turn, as far as it has come; feed it each event in order."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._model = ""
        self._blocks: dict[int, JsonObject] = {}
        self._arguments: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._stop: str | None = None
        self._explanation = ""
        self.ended = False  #: the API has said that this is all

    def take(self, event: JsonObject) -> None:
        """Take in one event; kinds that are not known are passed over."""
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self._model = str(message.get("model", ""))
                self._count(message.get("usage"))
            case {"type": "content_block_start", "index": int(at), "content_block": dict(block)}:
                self._blocks[at] = dict(block)
            case {"type": "content_block_delta", "index": int(at), "delta": dict(delta)}:
                self._add(at, delta)
            case {"type": "message_delta", "delta": dict(delta)}:
                self._count(event.get("usage"))
                self._stop = cast("str | None", delta.get("stop_reason"))
                details = delta.get("stop_details")
                if isinstance(details, dict):
                    self._explanation = str(
                        details.get("explanation") or details.get("category") or ""
                    )
            case {"type": "message_stop"}:
                self.ended = True
            case _:
                pass

    @property
    def is_full(self) -> bool:
        """Whether the window of the model was full before its turn was whole."""
        return self._stop == FULL

    def reply(self) -> ModelReply:
        """Give the turn. Only for a stream that has ended, and not because the window was full."""
        assert self.ended, "a stream that has not ended gives no reply"
        assert not self.is_full, "half a turn is none"
        stop = STOPS.get(self._stop or "", Stop.FINISHED)
        blocks = [self._blocks[at] for at in sorted(self._blocks)]
        text = "".join(str(block["text"]) for block in blocks if block.get("type") == "text")
        calls = () if stop in {Stop.CUT, Stop.DECLINED} else self._calls()
        if stop is Stop.TOOLS and not calls:
            stop = Stop.FINISHED
        return ModelReply(
            model=self._model,
            stop=Stop.TOOLS if calls else stop,
            text=self._explanation or text if stop is Stop.DECLINED else text,
            tool_calls=calls,
            usage=Usage(
                input_tokens=self._counts.get("input_tokens", 0),
                output_tokens=self._counts.get("output_tokens", 0),
                cache_write_tokens=self._counts.get("cache_creation_input_tokens", 0),
                cache_read_tokens=self._counts.get("cache_read_input_tokens", 0),
            ),
            carried=tuple(self._carried(cut=stop is Stop.CUT)),
        )

    def _count(self, usage: JsonValue) -> None:
        # The counts of a delta are totals so far; one that is left out stays what it was.
        if isinstance(usage, dict):
            self._counts.update(
                {name: count for name, count in usage.items() if isinstance(count, int)}
            )

    def _add(self, at: int, delta: JsonObject) -> None:
        block = self._blocks.setdefault(at, {})
        match delta:
            case {"type": "input_json_delta", "partial_json": str(part)}:
                self._arguments[at] = self._arguments.get(at, "") + part
            case {"type": "signature_delta", "signature": str(part)}:
                block["signature"] = part
            case {"type": "text_delta", "text": str(part)}:
                block["text"] = str(block.get("text") or "") + part
            case {"type": "thinking_delta", "thinking": str(part)}:
                block["thinking"] = str(block.get("thinking") or "") + part
            case _:
                pass

    def _calls(self) -> tuple[ToolCall, ...]:
        calls: list[ToolCall] = []
        for at, block in sorted(self._blocks.items()):
            if block.get("type") == "tool_use":
                written = self._arguments.get(at, "")
                given = block.get("input")
                arguments = given if given and not written else parse_arguments(written)
                good = arguments if isinstance(arguments, dict) else None
                calls.append(
                    ToolCall(
                        id=str(block["id"]),
                        name=str(block["name"]),
                        arguments=good,
                        malformed=written if good is None else None,
                    )
                )
        return tuple(calls)

    def _carried(self, *, cut: bool) -> Iterable[JsonObject]:
        # What was thought must be shown to the model again beside its calls, signature included.
        # The end of a cut turn is left out: half a thought or half a call is refused by the API.
        arguments = {call.id: call.arguments or {} for call in self._calls()}
        for _, block in sorted(self._blocks.items()):
            kind = block.get("type")
            if kind == "text" and str(block.get("text", "")).strip():
                yield block
            elif kind == "tool_use" and not cut:
                yield {**block, "input": arguments[str(block["id"])]}
            elif kind not in {"text", "tool_use"} and not cut:
                yield block
