"""A provider that stands in for the outside world: it acts, keeps account, and fails by a seed.

It is a process of its own that speaks HTTP on 127.0.0.1. Guarantees: an effect is on the disk
before its answer is sent; for `idempotent` calls a key has its effect once, for all others every
call that is not refused has one; whether a call fails, and how, follows from the seed, its key and
how often that key has come before. What it answers names the effect, so that whoever holds an
answer can show which effect it came from. It is a stand-in for faults, not for load or for latency.
"""

import asyncio
import contextlib
import hashlib
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from handrail.bus.port import TRANSACTION_DEADLINE_S
from handrail.chaos.history import Effect, Happening
from handrail.chaos.lines import Lines

HOST = "127.0.0.1"
REQUEST_BYTES_MAX = 1 << 20
HANG_S = 30.0  #: longer than any tool of the chaos team waits
RETRY_AFTER_S = 1
WORK_S_MAX = 0.02  #: how long an ordinary call takes at most; drawn from the seed
#: Of the paid calls this share takes longer, as models do, so that faults and moves meet some.
LONG_SHARE = 0.2
LONG_S = (0.3, 2.0)

assert HANG_S > TRANSACTION_DEADLINE_S


class Way(StrEnum):
    """How a call goes."""

    WELL = "well"
    BUSY = "429"  #: refused for now, no effect
    BROKEN = "500"  #: refused, no effect
    HANG = "hang"  #: no effect and no answer
    DROP = "effect-then-drop"  #: the effect, and then no answer


FAILURES = (Way.BUSY, Way.BROKEN, Way.HANG, Way.DROP)


@dataclass(slots=True)
class Plan:
    """Which calls fail: `share` of them, each in one of `ways`, by the seed."""

    seed: int
    share: float = 0.0
    ways: tuple[Way, ...] = FAILURES

    def way(self, key: str, nth: int) -> Way:
        """Say how the nth call under this key goes."""
        drawn = _drawn(self.seed, key, nth)
        if not self.ways or drawn.random() >= self.share:
            return Way.WELL
        return drawn.choice(self.ways)

    def work_s(self, key: str, nth: int, *, paid: bool = False) -> float:
        """Say how long the nth call under this key takes."""
        drawn = _drawn(self.seed + 1, key, nth)
        ordinary_s = drawn.random() * WORK_S_MAX
        long = paid and drawn.random() < LONG_SHARE
        return drawn.uniform(*LONG_S) if long else ordinary_s


def _drawn(seed: int, key: str, nth: int) -> random.Random:
    digest = hashlib.sha256(f"{seed}/{key}/{nth}".encode()).digest()
    return random.Random(digest)  # noqa: S311 - chance of a test, not of a secret


@dataclass(slots=True)
class Known:
    """What the provider remembers."""

    answers: dict[str, str] = field(default_factory=dict[str, str])  #: key → answer
    calls: Counter[str] = field(default_factory=Counter[str])  #: key → calls so far
    effects: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back; None in place of one means that the connection is cut."""

    status: int
    body: Mapping[str, Any]


class Provider:
    """Carries calls out; each thing that happens is a line of the account, on the disk at once."""

    def __init__(self, account: Lines, plan: Plan) -> None:
        """Nothing is known yet."""
        self.plan = plan
        self._account = account
        self._known = Known()

    async def act(self, call: Mapping[str, Any]) -> Reply | None:
        """Carry one call out; None when the caller is to be left without an answer."""
        key = str(call["key"])
        self._known.calls[key] += 1
        nth = self._known.calls[key]
        way = self.plan.way(key, nth)
        self._note(call, Happening.BEGUN)
        await asyncio.sleep(self.plan.work_s(key, nth, paid=call.get("effect") == "paid"))
        match way:
            case Way.BUSY | Way.BROKEN:
                self._note(call, Happening.REFUSED, way)
                return Reply(int(way), {"reason": "by the plan of the faults"})
            case Way.HANG:
                await asyncio.sleep(HANG_S)
                self._note(call, Happening.DROPPED, way)
                return None
            case Way.DROP:
                self._effect(call, key)
                self._note(call, Happening.DROPPED, way)
                return None
            case Way.WELL:
                return Reply(200, {"answer": self._effect(call, key)})

    def answered(self, call: Mapping[str, Any]) -> None:
        """Note that the answer to a call has left."""
        self._note(call, Happening.ANSWERED)

    def asked(self, call: Mapping[str, Any]) -> Reply:
        """Say what became of a key: its answer, or null when it never had an effect."""
        self._note(call, Happening.ASKED)
        return Reply(200, {"answer": self._known.answers.get(str(call["key"]))})

    def _effect(self, call: Mapping[str, Any], key: str) -> str:
        if call.get("effect") == "idempotent" and key in self._known.answers:
            self._note(call, Happening.REPEATED)
            return self._known.answers[key]
        self._known.effects += 1
        answer = f"e{self._known.effects}"
        self._known.answers[key] = answer
        self._note(call, Happening.EFFECTED, answer)
        return answer

    def _note(self, call: Mapping[str, Any], happened: Happening, detail: str = "") -> None:
        effect = Effect(
            time_ms=time.time_ns() // 1_000_000,
            asked_ms=call.get("asked_ms"),
            key=str(call["key"]),
            tool=str(call.get("tool", "")),
            happened=happened,
            effect=str(call.get("effect", "")),
            task=str(call.get("task", "")),
            step=str(call.get("step", "")),
            process=str(call.get("process", "")),
            tokens=int(call.get("tokens", 0)),
            detail=detail or str(call.get("detail", "")),
        )
        self._account.add(effect)


class Server:
    """The provider behind HTTP/1.1: one request for each connection, JSON both ways."""

    def __init__(self, provider: Provider) -> None:
        """Serve this provider."""
        self._provider = provider
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; gives the port."""
        self._server = await asyncio.start_server(self._serve, HOST, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def forever(self) -> None:
        """Serve until cancelled."""
        assert self._server is not None
        async with self._server:
            await self._server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A caller that was killed in the middle is what this is for: its connection just ends.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path, call = await _request(reader)
            reply = await self._reply(path, call)
            if reply is not None:
                writer.write(_response(reply))
                await writer.drain()
                if path == "/act" and reply.status == 200:  # noqa: PLR2004 - HTTP's own number
                    self._provider.answered(call)
        writer.close()

    async def _reply(self, path: str, call: Mapping[str, Any]) -> Reply | None:
        match path:
            case "/act":
                return await self._provider.act(call)
            case "/asked":
                return self._provider.asked(call)
            case "/faults":
                ways = tuple(Way(one) for one in call["ways"])
                seed = self._provider.plan.seed
                self._provider.plan = Plan(seed, float(call["share"]), ways)
                return Reply(200, {})
            case _:
                return Reply(404, {})


async def _request(reader: asyncio.StreamReader) -> tuple[str, Mapping[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    path = head[0].split(" ")[1]
    lengths = [line.split(":")[1] for line in head if line.lower().startswith("content-length:")]
    length = int(lengths[0]) if lengths else 0
    if length > REQUEST_BYTES_MAX:
        raise ConnectionError(f"{length} bytes are more than a call may have")
    return path, orjson.loads(await reader.readexactly(length) or b"{}")


def _response(reply: Reply) -> bytes:
    body = orjson.dumps(reply.body)
    head = f"HTTP/1.1 {reply.status} .\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    retry = f"Retry-After: {RETRY_AFTER_S}\r\n" if reply.status == int(Way.BUSY) else ""
    return f"{head}{retry}Content-Type: application/json\r\n\r\n".encode() + body
