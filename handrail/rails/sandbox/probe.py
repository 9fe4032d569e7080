"""Attempts the forbidden acts with what this machine has, and says at which level all are refused.

A level is published only when every act was refused in it; each act that was not is named in
words. At level `none` nothing is proved, because nothing is promised.
"""

import asyncio
import contextlib
import secrets
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path

import orjson

from handrail.contract.confinement import MIB, Level, Limits
from handrail.rails.egress import Egress
from handrail.rails.sandbox import acts
from handrail.rails.sandbox.means import Confinement, Machine, Unavailable, decide, holds
from handrail.rails.sandbox.outcome import Ending, Outcome
from handrail.rails.sandbox.sandbox import CLEAN, Call, Proof, Sandbox, Setting

MEMORY_BYTES, DISK_BYTES, CPU_S = 64 * MIB, MIB, 1
LEAK_CURE = "Tell whoever looks after this machine; run what needs the level on another one."
WALL_S = 120.0  #: on a machine that is far too busy
#: Variables that a body finds beside those of `CLEAN`: where its scratch folder is.
SCRATCH_VARIABLES = ("TMPDIR", "HOME")


@contextlib.asynccontextmanager
async def proved(setting: Setting) -> AsyncGenerator[Sandbox]:
    """Start a sandbox, prove it, and have it trust what was proved. Raises SandboxBroken."""
    async with Sandbox(setting) as sandbox:
        sandbox.trust(await prove(sandbox, setting))
        yield sandbox


async def prove(sandbox: Sandbox, setting: Setting) -> Proof:
    """Try the levels that the machine should hold, and give the firmest that does."""
    best = holds(sandbox.machine)
    if best is Level.NONE:
        return _proof(Level.NONE, sandbox.machine, {})
    leaks: dict[str, str] = {}
    with ground_for(setting) as ground:
        tried = [level for level in (Level.STRICT, Level.STANDARD) if best.holds(level)]
        results = await asyncio.gather(*(attempt(sandbox, level, ground) for level in tried))
        for level, found in zip(tried, results, strict=True):
            escaped = {name: text for name, text in found.items() if text is not None}
            if not escaped:
                return _proof(level, sandbox.machine, leaks)
            leaks = {name: f"at {level} {text} ({name})" for name, text in escaped.items()}
    return _proof(Level.NONE, sandbox.machine, leaks)


async def attempt(sandbox: Sandbox, level: Level, ground: acts.Ground) -> dict[str, str | None]:
    """Attempt every act at a level; gives for each the words of its success, or None."""
    machine = sandbox.machine
    disk = DISK_BYTES if machine.namespaces else 0
    limits = Limits(wall_s=WALL_S, cpu_s=CPU_S, memory_bytes=MEMORY_BYTES, disk_bytes=disk)
    roomy = Limits(wall_s=WALL_S, cpu_s=int(WALL_S), memory_bytes=MEMORY_BYTES, disk_bytes=disk)
    how = decide(machine, level, level, limits, egress=False)
    if isinstance(how, Unavailable):
        return dict.fromkeys(acts.ACTS, f"it cannot be confined: {how.detail}")
    ground = ground._replace(disk_bytes=disk)
    quiet, burning = await asyncio.gather(
        _asked(sandbox, how, roomy, acts.QUIET, ground),
        _asked(sandbox, how, limits, ("CPU",), ground),
    )
    found: dict[str, str | None] = _read(quiet, acts.QUIET)
    # Whoever is killed for what it computes cannot say that it was refused.
    found |= {"CPU": None} if burning.ending is Ending.OUT_OF_CPU else _read(burning, ("CPU",))
    return {name: found[name] for name in acts.ACTS}


async def _asked(
    sandbox: Sandbox, how: Confinement, limits: Limits, names: tuple[str, ...], ground: acts.Ground
) -> Outcome:
    call = Call(acts.TOOL, orjson.dumps({"acts": names, "ground": ground._asdict()}))
    return await sandbox.run_confined(call, how, limits, Egress())


def _read(outcome: Outcome, names: tuple[str, ...]) -> dict[str, str | None]:
    if outcome.ending is Ending.DONE:
        answered: dict[str, str | None] = orjson.loads(outcome.result)
        return {name: answered.get(name, "it was not attempted") for name in names}
    # Nothing is proved by a probe that did not come to its end.
    # Its body is the engine's own, whose last line may be shown.
    said = f"{outcome.detail} {outcome.log.strip().rpartition(chr(10))[2]}".rstrip()
    return dict.fromkeys(names, f"the probe did not end: {said}")


@contextlib.contextmanager
def ground_for(setting: Setting) -> Generator[acts.Ground]:
    """Put up what the acts try to reach: files, sockets and a process, all of this user."""
    secret = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        outside = stack.enter_context(tempfile.TemporaryDirectory(prefix="handrail-probe-"))
        for name in ("secret", "moving", "removing"):
            Path(outside, name).write_text(secret, encoding="utf-8")
        path = f"{outside}/socket"
        doors = [
            _door(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _door(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _door(stack, socket.AF_UNIX, socket.SOCK_STREAM, path),
            _door(stack, socket.AF_UNIX, socket.SOCK_STREAM, f"\0{path}"),
            _door(stack, socket.AF_UNIX, socket.SOCK_DGRAM, path + acts.DATAGRAM),
        ]
        victim = subprocess.Popen(
            ["cat"], stdin=subprocess.PIPE, env={**CLEAN, "HANDRAIL_PROBE": secret}
        )
        stack.enter_context(victim)
        stack.callback(victim.kill)
        yield acts.Ground(
            outside=outside,
            secret=secret,
            tcp=doors[0].getsockname()[1],
            udp=doors[1].getsockname()[1],
            unix=path,
            victim=victim.pid,
            memory_bytes=2 * MEMORY_BYTES,
            disk_bytes=DISK_BYTES,
            cpu_s=2 * CPU_S + 1,
            known=[*CLEAN, *setting.environment, *SCRATCH_VARIABLES],
        )


def _door(
    stack: contextlib.ExitStack,
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    address: tuple[str, int] | str,
) -> socket.socket:
    door = stack.enter_context(socket.socket(family, kind))
    door.bind(address)
    if kind is socket.SOCK_STREAM:
        door.listen()
    return door


def _proof(level: Level, machine: Machine, leaks: Mapping[str, str]) -> Proof:
    """Give what was proved, and what the next level would need."""
    if level is Level.STRICT:
        return Proof(level)
    if leaks:
        return Proof(level, leaks, LEAK_CURE)
    above = list(Level)[level.rank + 1]
    refused = decide(machine, level, above, Limits(), egress=False)
    assert isinstance(refused, Unavailable)
    return Proof(level, {"level": refused.detail}, refused.remedy)
