"""How a tool calls the provider that stands in for the outside world, and what may come of it.

Each failure is the one that a real client would report: refused for now, broken, or cut off after
the request had left, of which nobody can know whether it was heard.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from handrail.contract.failure import Refused, State
from handrail.contract.tool import ToolContext
from handrail.runtime.child import NOTE_VARIABLE

ADDRESS_VARIABLE = "HANDRAIL_CHAOS_PROVIDER"  #: HOST:PORT
TIMEOUT_S = 3.0
OK, BUSY = 200, 429


async def act(ctx: ToolContext, tool: str, effect: str, step: str = "") -> str:
    """Have the provider do something under the step's key; gives the name of the effect.

    Raises Refused: `rate_limited` and `dependency_unavailable` (nothing happened), or
    `outcome_unknown` (nobody can know).
    """
    call = {
        "key": ctx.idem_key,
        "tool": tool,
        "effect": effect,
        "task": ctx.task_id,
        "step": step,
        "process": process_name(),
        "tokens": 1 if effect == "paid" else 0,
        "asked_ms": time.time_ns() // 1_000_000,
    }
    status, body = await _sent(_address(), "/act", call, tool)
    if status == OK:
        return str(body["answer"])
    if status == BUSY:
        raise Refused(State.RATE_LIMITED, f"{tool}: the provider is busy", retry_after_s=1.0)
    raise Refused(State.DEPENDENCY_UNAVAILABLE, f"{tool}: the provider answered {status}")


async def asked(key: str, tool: str) -> str | None:
    """Ask the provider what became of a key: the name of its effect, or None."""
    call = {"key": key, "tool": tool, "effect": "queryable", "process": process_name()}
    _, body = await _sent(_address(), "/asked", call, tool)
    answer = body.get("answer")
    return None if answer is None else str(answer)


async def set_faults(address: str, share: float, ways: tuple[str, ...]) -> None:
    """Tell the provider which share of its calls is to fail from now on, and how."""
    await _sent(address, "/faults", {"share": share, "ways": ways}, "faults")


def _address() -> str:
    return os.environ[ADDRESS_VARIABLE]


def process_name() -> str:
    """Name this process as `handrail status` does, with its number."""
    return f"{Path(os.environ.get(NOTE_VARIABLE, 'process')).stem}/{os.getpid()}"


async def _sent(
    address: str, path: str, call: Mapping[str, Any], tool: str
) -> tuple[int, Mapping[str, Any]]:
    host, _, port = address.partition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        detail = f"{tool}: the provider cannot be reached"
        raise Refused(State.DEPENDENCY_UNAVAILABLE, detail) from error
    try:
        async with asyncio.timeout(TIMEOUT_S):
            body = orjson.dumps(call)
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            raw = await reader.read()
        head_raw, _, answer = raw.partition(b"\r\n\r\n")
        return int(head_raw.split(b" ")[1]), orjson.loads(answer)
    except (OSError, TimeoutError, IndexError, ValueError) as error:
        detail = f"{tool}: no answer came"
        raise Refused(State.OUTCOME_UNKNOWN, detail) from error
    finally:
        writer.close()
