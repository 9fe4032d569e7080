"""The process that forks a confined child for each call: `python -m handrail.rails.sandbox.zygote`.

It was started with a clean environment, loads the team's tools once, and then only forks, kills
and reports. It never reads a call: arguments and secrets go to the child over a socket that this
process passes on unread, so that no later child can find them in its memory.
"""

import asyncio
import contextlib
import errno
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from handrail.contract.confinement import Level, Limits
from handrail.rails.sandbox import acts, frames, kernel
from handrail.rails.sandbox.child import Body, Opened, serve_one_call
from handrail.rails.sandbox.confine import Paths, prepare
from handrail.rails.sandbox.machine import look_around
from handrail.rails.sandbox.means import Confinement

Opener = Callable[[str, Sequence[str]], Opened]
DESCRIPTORS_OF_A_CALL = 2  #: its socket, and where it prints


@dataclass(frozen=True, slots=True)
class Order:
    """What one child is forked for."""

    how: Confinement
    limits: Limits
    paths: Paths
    egress: bool

    @classmethod
    def of(cls, asked: dict[str, Any]) -> "Order":
        """Read an order that the engine has written."""
        how = asked["how"]
        return cls(
            replace(Confinement(**how), level=Level(how["level"])),
            Limits(**asked["limits"]),
            Paths(**asked["paths"]),
            asked["egress"],
        )


class Zygote:
    """Forks, kills and reports, until the engine closes the socket."""

    def __init__(self, control: socket.socket, opened: Opened) -> None:
        """Serve orders from a socket; `opened` finds the body of a tool."""
        self._control = control
        self._opened = opened
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, tuple[int, int]] = {}  # number → process, its descriptor
        self._selector.register(control, selectors.EVENT_READ, None)

    def serve(self) -> None:
        """Serve until the engine is gone; whatever runs then is killed."""
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.data is not None:
                        self._ended(key.data)
                    elif not self._order():
                        return
        finally:
            for pid, _ in self._children.values():
                _kill(pid)

    def _order(self) -> bool:
        data, descriptors = frames.receive_with(self._control, frames.CONTROL_BYTES_MAX)
        if not data:
            return False
        asked = orjson.loads(data)
        if "kill" in asked:
            if known := self._children.get(asked["kill"]):
                _kill(known[0])
            return True
        number, order = asked["number"], Order.of(asked)
        try:
            if len(descriptors) != DESCRIPTORS_OF_A_CALL:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            self._fork(number, order, *descriptors)
        except OSError as error:
            # Too many processes or open files now: that is this call's end, and no other one's.
            why = f"its process was not started: {error}"
            self._tell({"number": number, "status": None, "cpu_s": 0.0, "why": why})
        finally:
            for one in descriptors:
                os.close(one)
        return True

    def _fork(self, number: int, order: Order, body: int, log: int) -> None:
        """Fork one child; raises OSError, and then there is none."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            # Whatever happens, the child must not go on as a second zygote.
            try:
                _alone(parent, body, log)
                serve_one_call(socket.socket(fileno=body), order, self._opened)
            finally:
                os._exit(1)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does the same; whoever is first
        try:
            watched = os.pidfd_open(pid)
            self._selector.register(watched, selectors.EVENT_READ, number)
        except OSError:
            _kill(pid)
            os.waitpid(pid, 0)
            raise
        self._children[number] = (pid, watched)

    def _ended(self, number: int) -> None:
        pid, watched = self._children.pop(number)
        # The body is not yet waited for, so that its number still means its group and nobody else.
        _kill(pid)
        _, status, used = os.wait4(pid, 0)
        self._selector.unregister(watched)
        os.close(watched)
        code, cpu_s = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        self._tell({"number": number, "status": code, "cpu_s": cpu_s})

    def _tell(self, said: dict[str, Any]) -> None:
        self._control.send(orjson.dumps(said))


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _alone(parent: int, body: int, log: int) -> None:
    """Leave everything of the zygote behind but the two descriptors of this call."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, body)
    os.closerange(body + 1, os.sysconf("SC_OPEN_MAX"))


async def _nothing() -> None:
    """Have everything loaded that an event loop needs."""


def main() -> None:
    """Read where the tools are, load them, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    asked = orjson.loads(control.recv(frames.CONTROL_BYTES_MAX))
    sys.path[:] = asked["path"]
    try:
        module, _, name = asked["opens"].partition(":")
        opener: Opener = getattr(importlib.import_module(module), name)
        opened = opener(asked["project"], asked["files"])
    except Exception as error:  # noqa: BLE001  whatever the team's files raise is told to the engine
        control.send(orjson.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}))
        return
    prepare()
    asyncio.run(_nothing())
    # What is loaded by now lives as long as this process: no child shall look through it, and so
    # copy it, when it collects its own.
    gc.collect()
    gc.freeze()
    control.send(orjson.dumps({"machine": asdict(look_around())}))

    def with_probe(tool: str) -> Body:
        return acts.body if tool == acts.TOOL else opened(tool)

    Zygote(control, with_probe).serve()


if __name__ == "__main__":
    main()
