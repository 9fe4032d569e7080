"""An MCP server in memory whose answers are whatever bytes a test gives it, and garbage to give.

It speaks through the very reader of standard output that a started server has, without a process.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from handrail.rails.mcp.child_stdio import Started, spoken

TOOL = {
    "name": "echo",
    "description": "Say it again.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "outputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    },
}
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "garbler", "version": "1"},
}

#: What is written in answer to a request, given its id; None: the good answer.
Says = Callable[[int], bytes]


def answer(number: object, result: object) -> bytes:
    """Give a line that answers a request as the protocol wants it."""
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result}) + b"\n"


def good(text: str) -> dict[str, Any]:
    """Give the result that the tool promises."""
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"text": text},
        "isError": False,
    }


@dataclass
class Garbler:
    """What it answers to each method; a test changes it at will."""

    says: dict[str, Says] = field(default_factory=dict[str, Says])
    starts: int = 0
    speaks: Callable[[int], asyncio.StreamReader] = asyncio.StreamReader  #: made of a line's limit

    @asynccontextmanager
    async def start(self, what: Started) -> AsyncGenerator[tuple[Any, Any]]:
        """Be started: the seam of a connection."""
        self.starts += 1
        reader = self.speaks(what.line_bytes_max)
        async with spoken(what, _Speaker(reader, _Ear(self, reader))) as streams:
            yield streams

    def heard(self, line: bytes, reader: asyncio.StreamReader) -> None:
        """Answer one line."""
        asked = orjson.loads(line)
        method, number = asked.get("method"), asked.get("id")
        if number is None:
            return
        if method in self.says:
            said = self.says[method](number)
            if said:
                reader.feed_data(said)
            else:
                reader.feed_eof()
            return
        match method:
            case "initialize":
                reader.feed_data(answer(number, HELLO))
            case "tools/list":
                reader.feed_data(answer(number, {"tools": [TOOL]}))
            case "tools/call":
                text = asked["params"].get("arguments", {}).get("text", "")
                reader.feed_data(answer(number, good(text)))
            case _:
                reader.feed_data(answer(number, {}))


@dataclass
class _Ear:
    """Where it hears: what a writer of a process's input is used for."""

    garbler: Garbler
    reader: asyncio.StreamReader

    def write(self, data: bytes) -> None:
        self.garbler.heard(data, self.reader)

    async def drain(self) -> None:
        return None


@dataclass
class _Speaker:
    stdout: asyncio.StreamReader
    stdin: Any


def torn(rng: random.Random, whole: bytes) -> bytes:
    """Give a line with a piece of it gone, doubled, or changed."""
    found = bytearray(whole)
    at = rng.randrange(len(found) - 1)
    match rng.randrange(4):
        case 0:
            del found[at : at + rng.randint(1, 40)]
        case 1:
            found[at:at] = found[at : at + rng.randint(1, 40)]
        case 2:
            found[at] = rng.randrange(256)
        case _:
            found[at:at] = rng.randbytes(rng.randint(1, 20))
    return bytes(found).rstrip(b"\n") + b"\n"


def changed(rng: random.Random, whole: bytes) -> bytes:
    """Give a line of JSON in which one value, wherever it stands, is another one."""
    tree = orjson.loads(whole)
    if rng.random() < 0.1:  # what is around a result is looked at by the SDK alone
        tree = _marked(rng, tree)
    else:
        tree["result"] = _marked(rng, tree["result"])
    return orjson.dumps(tree).replace(b'"@@"', rng.choice(VALUES)) + b"\n"


def _marked(rng: random.Random, node: Any) -> Any:
    inside = list(node) if isinstance(node, dict) else list(range(len(node)))
    at = rng.choice(inside)
    below = node[at]
    again = isinstance(below, dict | list) and below and rng.random() < 0.7
    node[at] = _marked(rng, below) if again else "@@"
    return node


#: Values that some reader of JSON chokes on, as they are written.
VALUES = (
    *(b"null", b"true", b"0", b"-1", b"1.5", b'""', b'"x"', b"[]", b"{}", b"[{}]", b"[[]]"),
    *(b"123456789012345678901234567890", b"-9223372036854775809", b"1e400", b"NaN", b"-Infinity"),
    *(rb'"\ud800"', rb'"\u0000"', rb'"\u202e\u200b"', b'"\xff\xfe"', b"'x'", b"undefined", b""),
    *(b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    *(b"[" * 150 + b"]" * 150, b'{"a":' * 240 + b"1" + b"}" * 240),
    *(b'"' + b"x" * 300_000 + b'"', b"[" + b"1," * 100_000 + b"1]"),
    b'{"type":"text","text":{"type":"text"}}',
    b'{"__proto__":{"a":1},"a":1,"a":2}',
)
