"""One call in a process of its own: confine, say so, read the call, run the body, answer, end."""

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, Protocol

from handrail.contract.cleared import cleared
from handrail.contract.confinement import Level, Limits
from handrail.contract.failure import Refused
from handrail.rails.sandbox import frames
from handrail.rails.sandbox.confine import (
    Paths,
    confine,
    enter_namespaces,
    loaded_bytes,
    network_of_its_own,
)
from handrail.rails.sandbox.means import Confinement

CALL_BYTES_MAX = 16 << 20
DETAIL_CHARS_MAX = 2_000
SIGNALLED = 128  #: what a shell adds to the number of a signal, and so do we

#: What a tool does: the call as JSON and its secrets in, the result as JSON out.
Body = Callable[[bytes, Mapping[str, str]], Awaitable[bytes]]
#: Finds the body of a tool by its name. Raises KeyError.
Opened = Callable[[str], Body]


class Raised(Exception):
    """A body has raised what is no refusal; `judged` says what trying again can do about it.

    The error itself is its cause, whose words go to the log of the call alone.
    """

    def __init__(self, judged: Mapping[str, Any]) -> None:
        """Belong to the error that it is raised from."""
        super().__init__()
        self.judged = judged


class Ordered(Protocol):
    """What a child has to know before it reads the call."""

    @property
    def how(self) -> Confinement:
        """How it is confined."""
        ...

    @property
    def limits(self) -> Limits:
        """How much it may use."""
        ...

    @property
    def paths(self) -> Paths:
        """What it may see."""
        ...

    @property
    def egress(self) -> bool:
        """Whether it has a way out."""
        ...


def serve_one_call(engine: socket.socket, order: Ordered, opened: Opened) -> NoReturn:
    """Carry out one call and end this process."""
    try:
        door = _confined(engine, order)
    except Exception as error:  # noqa: BLE001  the engine says it; nothing runs less confined
        engine.sendall(frames.frame({"unconfined": f"{type(error).__name__}: {error}"}))
        os._exit(1)
    said = frames.frame({"confined": order.how.level})
    frames.send_with(engine, said, [door.fileno()] if door else [])
    if door:
        door.close()
    answer = _answer(engine, order.limits, opened)
    sys.stdout.flush()
    sys.stderr.flush()
    engine.sendall(answer)
    os._exit(0)


def _confined(engine: socket.socket, order: Ordered) -> socket.socket | None:
    how, limits, paths = order.how, order.limits, order.paths
    if how.level is Level.NONE:
        return None
    loaded = loaded_bytes()
    if how.namespaces:
        enter_namespaces(how, limits, paths)
    door = network_of_its_own() if order.egress else None
    if how.own_processes:
        _become_first_of_a_namespace(engine)
    if limits.disk_bytes > 0:
        os.chdir(paths.scratch)
        os.environ.update(TMPDIR=paths.scratch, HOME=paths.scratch)
    confine(limits, paths, loaded, egress=order.egress)
    return door


def _become_first_of_a_namespace(engine: socket.socket) -> None:
    """Go on in a child, the first process of the new PID namespace; the parent only waits."""
    inner = os.fork()
    if inner == 0:
        return
    engine.close()  # the engine shall see the end of the inner one
    _, status = os.waitpid(inner, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else SIGNALLED - code)


def _answer(engine: socket.socket, limits: Limits, opened: Opened) -> bytes:
    secrets: Mapping[str, str] = {}
    try:
        call = frames.receive(engine, CALL_BYTES_MAX)
        secrets = call["secrets"]
        os.environ.update(call["environment"])
        try:
            body = opened(call["tool"])
        except KeyError:
            return frames.frame({"kind": "unknown"})
        # From here on nobody can say any more that nothing was run.
        engine.sendall(frames.frame({"kind": "begun"}))
        result = asyncio.run(_run(body, call["call"].encode(), secrets))
        if len(result) > limits.output_bytes:
            return frames.frame({"kind": "output", "bytes": len(result)})
        return frames.frame({"kind": "done", "result": result.decode()})
    except MemoryError:
        return frames.frame({"kind": "memory"})
    except Refused as no:
        return frames.frame(_refusal(no, secrets))
    except BaseException as error:  # noqa: BLE001  a body may raise what it likes; the engine says it
        return frames.frame(_failure(error))


async def _run(body: Body, call: bytes, secrets: Mapping[str, str]) -> bytes:
    return await body(call, secrets)


def _failure(error: BaseException) -> dict[str, Any]:
    """Give the class of an error alone: its words may hold anything, and go to the log."""
    judged: Mapping[str, Any] = error.judged if isinstance(error, Raised) else {}
    raised = (isinstance(error, Raised) and error.__cause__) or error
    traceback.print_exception(raised)
    return {"kind": "failed", "error": type(raised).__name__, "judged": judged}


def _refusal(no: Refused, secrets: Mapping[str, str]) -> dict[str, Any]:
    def told(words: str) -> str:
        # Cut before it is cleared, a secret would leave a part that nobody finds any more.
        return cleared(words, secrets)[:DETAIL_CHARS_MAX]

    return {
        "kind": "refused",
        "state": no.state,
        "title": told(no.title),
        "detail": told(no.detail),
        "remedy": told(no.remedy),
        "retry_after_s": no.retry_after_s,
        "retry": no.retry,
    }
