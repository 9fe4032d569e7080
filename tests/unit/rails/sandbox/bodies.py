"""Bodies of tools that try the patience of the sandbox; loaded by its own process."""

# One call is all that a body's process has to do, so that it may well block.
# ruff: noqa: ASYNC210, ASYNC220, ASYNC221, ASYNC230, ASYNC240, PTH123

import asyncio
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from handrail.contract.failure import Refused, RetryClass, State
from handrail.rails.sandbox.child import Body


async def echo(call: bytes, secrets: Mapping[str, str]) -> bytes:
    return orjson.dumps({"call": orjson.loads(call), "secrets": dict(secrets)})


async def refuse(call: bytes, secrets: Mapping[str, str]) -> bytes:
    raise Refused(State.NOT_FOUND, "There is no order 42.", remedy="Ask for another.")


async def refuse_at_length(call: bytes, secrets: Mapping[str, str]) -> bytes:
    words = "x" * orjson.loads(call) + secrets["psp"]
    raise Refused(State.CONFLICT, words, title=words, remedy=words, retry=RetryClass.NEVER)


async def print_before(call: bytes, secrets: Mapping[str, str]) -> bytes:
    """Print a secret and so many characters behind it."""
    os.write(1, b"-" * 10_000 + secrets["psp"].encode() + b"+" * orjson.loads(call))
    return b"null"


async def print_half(call: bytes, secrets: Mapping[str, str]) -> bytes:
    """End while it prints a secret."""
    os.write(1, b"it is " + secrets["psp"][: orjson.loads(call)].encode())
    os._exit(7)


async def fail(call: bytes, secrets: Mapping[str, str]) -> bytes:
    os.write(1, b"just before")
    raise ValueError("nothing fits")


async def hang(call: bytes, secrets: Mapping[str, str]) -> bytes:
    os.write(1, b"%d" % os.getpid())
    await asyncio.Event().wait()
    return b""


async def hang_with_children(call: bytes, secrets: Mapping[str, str]) -> bytes:
    child = subprocess.Popen(["sleep", "1000"])
    os.write(1, b"%d %d" % (os.getpid(), child.pid))
    child.wait()
    return b""


async def leave_a_child(call: bytes, secrets: Mapping[str, str]) -> bytes:
    return b"%d" % subprocess.Popen(["sleep", "1000"]).pid


async def start_a_program(call: bytes, secrets: Mapping[str, str]) -> bytes:
    return orjson.dumps(subprocess.check_output(["echo", "hello"], text=True))


async def burn(call: bytes, secrets: Mapping[str, str]) -> bytes:
    while True:
        pass


async def take_memory(call: bytes, secrets: Mapping[str, str]) -> bytes:
    return b"%d" % len(bytearray(1 << 30))


async def talk(call: bytes, secrets: Mapping[str, str]) -> bytes:
    return orjson.dumps("x" * orjson.loads(call))


async def print_much(call: bytes, secrets: Mapping[str, str]) -> bytes:
    for _ in range(1_000):
        os.write(1, b"-" * 1_000)
    os.write(1, b"the end")
    return b"null"


async def forge(call: bytes, secrets: Mapping[str, str]) -> bytes:
    """Write on the engine's socket what is no answer."""
    for number in range(3, 16):
        try:
            with socket.socket(fileno=os.dup(number)) as engine:
                engine.send(orjson.loads(call).encode("latin-1"))
        except OSError:
            continue
    os._exit(0)


async def scratch(call: bytes, secrets: Mapping[str, str]) -> bytes:
    before = sorted(path.name for path in Path.cwd().iterdir())
    Path("kept").write_text("mine", encoding="utf-8")
    return orjson.dumps({"before": before, "now": Path("kept").read_text(encoding="utf-8")})


async def fetch(call: bytes, secrets: Mapping[str, str]) -> bytes:
    url = orjson.loads(call)
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return orjson.dumps({"status": answer.status, "text": answer.read().decode()})
    except urllib.error.HTTPError as error:
        return orjson.dumps({"status": error.code, "text": error.read().decode()})
    except OSError as error:
        return orjson.dumps({"status": 0, "text": str(error)})


async def connect(call: bytes, secrets: Mapping[str, str]) -> bytes:
    try:
        socket.create_connection(tuple(orjson.loads(call)), 5).close()
    except OSError as error:
        return orjson.dumps(type(error).__name__)
    return b'"connected"'


async def remembers(call: bytes, secrets: Mapping[str, str]) -> bytes:
    """Say whether the process that forks still has a word in its memory."""
    wanted = orjson.loads(call)[::-1].encode()
    parent = os.getppid()
    with (
        open(f"/proc/{parent}/maps", encoding="ascii") as maps,
        open(f"/proc/{parent}/mem", "rb", buffering=0) as memory,
    ):
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in span.split("-"))
            memory.seek(start)
            if wanted in memory.read(end - start):
                return b"true"
    return b"false"


BODIES: dict[str, Body] = {
    body.__name__: body
    for body in (
        echo,
        refuse,
        refuse_at_length,
        print_before,
        print_half,
        fail,
        hang,
        hang_with_children,
        leave_a_child,
        start_a_program,
        burn,
        take_memory,
        talk,
        print_much,
        forge,
        scratch,
        fetch,
        connect,
        remembers,
    )
}


def opens(project: str, files: Sequence[str]):
    """Find a body by its name."""
    return BODIES.__getitem__


def breaks(project: str, files: Sequence[str]):
    """Fail, as a team's file may."""
    raise RuntimeError(f"the tools of {Path(project).name} are broken")
