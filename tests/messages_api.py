"""A server on 127.0.0.1 that speaks the Messages API, with streams and with every way to fail.

`script` says what it answers, one reply for each request; `answer_by` has a function answer. A
request that the real API would refuse is refused here too, whatever the script says, and one that
nothing was scripted for gets status 400 with words about it. Requests are recorded.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel

from tests.messages_api_rules import blocks_of, problem

KEY = "key-for-tests"
PIECE_CHARS = 7  #: streams come in pieces, and no piece is a whole word of JSON
CHARS_PER_TOKEN = 4

Block = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A turn that comes to its end."""

    blocks: tuple[Block, ...]
    stop: str = "end_turn"
    explanation: str | None = None


@dataclass(frozen=True)
class Status:
    """An error before any stream."""

    status: int
    kind: str
    message: str = "scripted"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cut:
    """A turn whose stream ends after so many events: torn off, or properly closed but not done."""

    message: Message
    events: int
    torn: bool = True


@dataclass(frozen=True)
class ErrorInStream:
    """A turn that ends in an error event, under status 200."""

    message: Message
    events: int
    kind: str = "overloaded_error"


@dataclass(frozen=True)
class Garbled:
    """A stream with an event that is no JSON."""


@dataclass(frozen=True)
class Held:
    """A turn that begins and then says nothing more, until the client goes away."""

    message: Message
    events: int = 1


Reply = Message | Status | Cut | ErrorInStream | Garbled | Held


def says(answer: str | BaseModel, stop: str = "end_turn") -> Message:
    """Answer with text, or with a value as JSON."""
    text = answer if isinstance(answer, str) else answer.model_dump_json()
    return Message(({"type": "text", "text": text},) if text else (), stop)


def calls(*wishes: tuple[str, dict[str, Any]], thinking: str = "") -> Message:
    """Call tools; with `thinking`, the turn has a signed block that must come back unchanged."""
    thought = {"type": "thinking", "thinking": thinking, "signature": f"signed:{thinking}"}
    uses = (
        {"type": "tool_use", "id": f"toolu_{number}_{name}", "name": name, "input": arguments}
        for number, (name, arguments) in enumerate(wishes)
    )
    return Message(((thought,) if thinking else ()) + tuple(uses), "tool_use")


def calls_badly(name: str, written: str, stop: str = "tool_use") -> Message:
    """Call a tool with arguments that are written like this, JSON or not."""
    return Message(
        ({"type": "tool_use", "id": "toolu_bad", "name": name, "input": {}, "written": written},),
        stop,
    )


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class MessagesApi:
    """The server; use it as `async with serving() as api`."""

    url: str = ""
    requests: list[Asked] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _script: deque[Reply] = field(default_factory=deque)
    _answer: Callable[[dict[str, Any]], Reply] | None = None
    _cached: set[str] = field(default_factory=set)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    def script(self, *replies: Reply) -> Self:
        """Answer the next requests so, in this order."""
        self._script.extend(replies)
        return self

    def answer_by(self, answer: Callable[[dict[str, Any]], Reply]) -> None:
        """Answer whatever is not scripted by this function of the request's body."""
        self._answer = answer

    async def close(self) -> None:
        """End every connection."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client has gone, or the test is over.
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        if not head[0].startswith("POST /v1/messages "):
            return await _refuse(writer, Status(404, "not_found_error", head[0]))
        asked = Asked(headers, json.loads(raw))
        self.requests.append(asked)
        reply = self._reply_to(asked)
        if isinstance(reply, Status):
            return await _refuse(writer, reply)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"request-id: req_test\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        return await self._stream(reader, writer, reply, asked.body)

    def _reply_to(self, asked: Asked) -> Reply:
        refused = problem(asked.headers, asked.body, KEY)
        if refused:
            return Status(*refused)
        if self._script:
            return self._script.popleft()
        if self._answer:
            return self._answer(asked.body)
        return Status(400, "invalid_request_error", "nothing was scripted for this request")

    async def _stream(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reply: Message | Cut | ErrorInStream | Garbled | Held,
        body: dict[str, Any],
    ) -> bool:
        usage = self._usage(body)
        match reply:
            case Message():
                await _send(writer, events(reply, body["model"], usage))
                return await _end(writer)
            case Cut(message, count, torn):
                await _send(writer, events(message, body["model"], usage)[:count])
                return False if torn else await _end(writer)
            case ErrorInStream(message, count, kind):
                error = {"type": "error", "error": {"type": kind, "message": "scripted"}}
                await _send(writer, [*events(message, body["model"], usage)[:count], error])
                return await _end(writer)
            case Garbled():
                await _chunk(writer, b'event: message_start\ndata: {"type": "mess\n\n')
                return await _end(writer)
            case Held(message, count):
                await _send(writer, events(message, body["model"], usage)[:count])
                self.held.set()
                await reader.read()
                return False

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        """Count as the API does: what was marked in an earlier request is read from the cache."""
        blocks = blocks_of(body)
        last = len(blocks) - 1
        marks = [
            at for at, block in enumerate(blocks)
            if block.get("cache_control") or (at == last and body.get("cache_control"))
        ]  # fmt: skip
        plain = [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks]
        sizes = [len(json.dumps(block)) // CHARS_PER_TOKEN for block in plain]
        prefixes = {at: json.dumps([body["model"], plain[: at + 1]]) for at in marks}
        read = max((at + 1 for at, prefix in prefixes.items() if prefix in self._cached), default=0)
        written = max((at + 1 for at in marks), default=0)
        self._cached.update(prefixes.values())
        return {
            "input_tokens": sum(sizes[max(read, written) :]),
            "cache_read_input_tokens": sum(sizes[:read]),
            "cache_creation_input_tokens": sum(sizes[read:written]),
        }


@asynccontextmanager
async def serving() -> AsyncIterator[MessagesApi]:
    """Serve on a free port of 127.0.0.1 until the block is left."""
    api = MessagesApi()
    server = await asyncio.start_server(api.connected, "127.0.0.1", 0, limit=2**24)
    host, port = server.sockets[0].getsockname()
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        server.close()
        await api.close()
        await server.wait_closed()


def events(message: Message, model: str, usage: dict[str, int]) -> list[dict[str, Any]]:
    """Give the events of a turn as the API streams them."""
    start = {
        "id": "msg_test", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1},
    }  # fmt: skip
    found: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message.blocks):
        empty, deltas = _in_pieces(block)
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        found += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        found.append({"type": "content_block_stop", "index": index})
    details = {"type": "refusal", "explanation": message.explanation, "category": None}
    delta: dict[str, Any] = {"stop_reason": message.stop, "stop_sequence": None}
    if message.stop == "refusal":
        delta["stop_details"] = details
    spent = {"output_tokens": 1 + len(json.dumps(message.blocks)) // CHARS_PER_TOKEN}
    return [
        *found, {"type": "message_delta", "delta": delta, "usage": spent}, {"type": "message_stop"}
    ]  # fmt: skip


def _in_pieces(block: Block) -> tuple[Block, list[dict[str, Any]]]:
    match block:
        case {"type": "text", "text": text}:
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(text)]
            return {"type": "text", "text": ""}, deltas
        case {"type": "thinking", "thinking": text, "signature": signature}:
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(text)]
            deltas.append({"type": "signature_delta", "signature": signature})
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case {"type": "tool_use", **rest}:
            written = rest.pop("written", None) or json.dumps(rest["input"])
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in _pieces(written)]
            return {"type": "tool_use", **rest, "input": {}}, deltas
        case _:
            return block, []


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]


async def _send(writer: asyncio.StreamWriter, found: list[dict[str, Any]]) -> None:
    for event in found:
        await _chunk(writer, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


async def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _refuse(writer: asyncio.StreamWriter, status: Status) -> bool:
    error = {"type": "error", "error": {"type": status.kind, "message": status.message}}
    body = json.dumps(error).encode()
    lines = [f"HTTP/1.1 {status.status} Scripted", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in status.headers)]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    return True
