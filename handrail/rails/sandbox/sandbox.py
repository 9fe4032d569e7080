"""Runs the body of a tool in a confined process of its own, or says why not.

Guarantee: a body runs with at least the level that it asked for, or not at all. Its environment
holds nothing of the engine's; secrets reach it only beside its call. When `run` returns, however it
returns, no process of that call is alive. What it may give back, write and use is bounded.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from handrail.contract.confinement import Level, Limits
from handrail.errors.sandbox import SandboxBroken
from handrail.rails.egress import Egress
from handrail.rails.sandbox import frames
from handrail.rails.sandbox.call import OneCall, RanAtAll
from handrail.rails.sandbox.means import Confinement, Machine, Unavailable, decide
from handrail.rails.sandbox.outcome import Outcome, unavailable

START_S_MAX = 60.0
END_S_MAX = 5.0
ENDING_S_MAX = 5.0
RUNNING_MAX = 32
#: All that a body finds in its environment, besides what `Setting.environment` says.
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where bodies come from and what every one of them may see."""

    #: "module:function": given project and files, gives what finds a tool's body by its name
    opens: str
    project: Path
    files: Sequence[Path] = ()  #: of the project, those that hold the bodies
    reads: Sequence[str] = ()  #: files and folders, besides Python and the system's libraries
    lists: Sequence[str] = ()  #: folders of which only the names may be seen
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    tool: str
    body: bytes  #: JSON, as the tool's body reads it
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Proof:
    """What the probe has seen on this machine."""

    level: Level  #: the firmest at which every forbidden act was refused
    leaks: Mapping[str, str] = field(default_factory=dict[str, str])  #: what was not, in words
    cure: str | None = None  #: what would bring the next level


class Sandbox:
    """One for each process of the engine; start it with `async with`."""

    def __init__(self, setting: Setting) -> None:
        """Know where bodies come from; until a probe is trusted, only level `none` is run."""
        self._setting = setting
        self._proof = Proof(Level.NONE)
        self._machine: Machine | None = None
        self._numbers = 0
        self._calls: dict[int, OneCall] = {}
        self._places = asyncio.Semaphore(RUNNING_MAX)
        self._starting = asyncio.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._listener: asyncio.Task[None] | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="handrail-sandbox-")

    async def __aenter__(self) -> Self:
        """Start the process that forks; later calls find it warm."""
        try:
            await self._ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, and every body that still runs."""
        await self.close()

    @property
    def machine(self) -> Machine:
        """What this machine offers; known once the sandbox is started."""
        assert self._machine is not None, "start the sandbox first"
        return self._machine

    @property
    def proof(self) -> Proof:
        """What the probe has seen."""
        return self._proof

    def trust(self, proof: Proof) -> None:
        """Run from now on whatever a probe has proved (`probe.prove`), and no more."""
        self._proof = proof

    async def run(
        self, call: Call, level: Level, limits: Limits, egress: Egress | None = None
    ) -> Outcome:
        """Run one call and say what came of it. Raises SandboxBroken when nothing starts here."""
        allowed = egress or Egress()
        await self._ready()
        how = decide(
            self.machine,
            self._proof.level,
            level,
            limits,
            egress=bool(allowed),
            leaks=self._proof.leaks,
        )
        if isinstance(how, Unavailable):
            return unavailable(how.detail, how.remedy)
        return await self.run_confined(call, how, limits, allowed)

    async def run_confined(
        self, call: Call, how: Confinement, limits: Limits, egress: Egress
    ) -> Outcome:
        """Run one call confined in a given way, proved or not: what the probe itself uses."""
        async with self._places:
            control = await self._ready()
            self._numbers += 1
            one = OneCall(self._numbers, limits, egress, call.secrets)
            self._calls[one.number] = one
            try:
                return await self._run(control, one, call, how)
            finally:
                self._calls.pop(one.number, None)
                one.close()

    async def _run(
        self, control: socket.socket, one: OneCall, call: Call, how: Confinement
    ) -> Outcome:
        order = self._order(one, how)
        try:
            frames.send_with(control, orjson.dumps(order), one.for_the_child())
        except OSError as error:
            raise SandboxBroken(reason=f"its process has ended: {error}") from error
        one.handed_over()
        request = {
            "tool": call.tool,
            "call": call.body.decode(),
            "secrets": dict(call.secrets),
        }
        try:
            ran = await one.answered(request)
            if isinstance(ran, RanAtAll) and ran.answer is None and not ran.timed_out:
                # It ends by itself; killed meanwhile it could not tell why.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(one.gone.wait(), ENDING_S_MAX)
        finally:
            # Also when the engine is told to stop: no process of a call outlives its call.
            await asyncio.shield(_put_an_end_to(one, control))
        match ran:
            case RanAtAll():
                return one.outcome(ran)
            case _:
                return ran

    def _order(self, one: OneCall, how: Confinement) -> dict[str, Any]:
        setting = self._setting
        return {
            "number": one.number,
            "how": asdict(how),
            "limits": asdict(one.limits),
            "paths": {
                "reads": list(setting.reads),
                "lists": list(setting.lists),
                "scratch": self._scratch.name,
            },
            "egress": bool(one.egress),
        }

    async def _ready(self) -> socket.socket:
        async with self._starting:
            if self._control is None:
                await self._start()
            assert self._control is not None
            return self._control

    async def _start(self) -> None:
        await self._end_zygote()  # one that died by itself is still to be waited for
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        setting = self._setting
        with theirs:
            self._zygote = subprocess.Popen(  # noqa: ASYNC220  it only forks; nothing is waited for
                [sys.executable, "-I", "-m", "handrail.rails.sandbox.zygote", str(theirs.fileno())],
                env={**CLEAN, **setting.environment},
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        known = {
            "path": sys.path,
            "opens": setting.opens,
            "project": str(setting.project),
            "files": [str(file) for file in setting.files],
        }
        try:
            await loop.sock_sendall(ours, orjson.dumps(known))
            async with asyncio.timeout(START_S_MAX):
                said = frames.parsed(await loop.sock_recv(ours, frames.CONTROL_BYTES_MAX))
        except (OSError, TimeoutError, frames.FrameBroken) as error:
            ours.close()
            await self._end_zygote()
            raise SandboxBroken(reason=f"its process does not answer: {error!r}.") from error
        if "failed" in said:
            ours.close()
            await self._end_zygote()
            raise SandboxBroken(reason=f"the team's tools do not load in it: {said['failed']}")
        self._machine = Machine(**said["machine"])
        self._control = ours
        self._listener = asyncio.create_task(self._listen(ours), name="sandbox listener")

    async def _listen(self, control: socket.socket) -> None:
        """Tell each call that its processes are gone; when the zygote dies, tell all."""
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(control, frames.CONTROL_BYTES_MAX):
                said = frames.parsed(data)
                if one := self._calls.get(said["number"]):
                    one.ended(said["status"], said["cpu_s"], said.get("why"))
        except (OSError, frames.FrameBroken):
            pass
        finally:
            if self._control is control:
                self._control = None
            control.close()
            for one in self._calls.values():
                one.ended(None)

    async def close(self) -> None:
        """End the process that forks, and with it every body."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        await self._end_zygote()
        self._scratch.cleanup()

    async def _end_zygote(self) -> None:
        zygote, self._zygote = self._zygote, None
        if zygote is None:
            return
        try:
            # Its socket is closed: it kills what it has forked, and ends.
            await asyncio.to_thread(zygote.wait, END_S_MAX)
        except subprocess.TimeoutExpired:
            zygote.kill()
            await asyncio.to_thread(zygote.wait)


async def _put_an_end_to(one: OneCall, control: socket.socket) -> None:
    with contextlib.suppress(OSError):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(control, orjson.dumps({"kill": one.number}))
    await one.gone.wait()
