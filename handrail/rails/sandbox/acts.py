"""The fourteen acts that a confined body must not be able to do, each really attempted.

Every act gives the words of its success, or None when it was refused. They are written to succeed
on a machine that forbids nothing: a probe that could not escape an open door would prove nothing.
They stay within bounds of their own, so that one that succeeds harms nobody.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

TOOL = "handrail: probe"
DATAGRAM = ".datagram"  #: ends the name of the socket that takes datagrams
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
PROCESSES_TRIED, PROCESSES_ALLOWED = 16, 0
BLOCK_BYTES = 1 << 20
SWAP_S, SWAP_S_MAX = 0.15, 10.0
SWAPS_MET_MIN = 20  #: openings that met the link as it led outside; fewer prove nothing
CONNECT_S = 1.0


class Ground(NamedTuple):
    """What the harness has put up to be reached, and what the confinement is to allow."""

    outside: str  #: a folder of ours that is on no list, with a file `secret`
    secret: str
    tcp: int  #: a port of this machine that listens
    udp: int
    unix: str  #: the path of a listening socket; one with the same name is in the abstract space,
    #: and one beside it, with DATAGRAM behind its name, takes datagrams
    victim: int  #: a process of the same user, with the secret in its environment
    memory_bytes: int  #: more than may be had
    disk_bytes: int  #: the same
    cpu_s: float  #: the same
    known: list[str]  #: names of variables that may be in the environment


def read_outside(ground: Ground) -> str | None:
    """Read a file that is on no list."""
    for path in (f"{ground.outside}/secret", f"/proc/self/root{ground.outside}/secret"):
        with contextlib.suppress(OSError):
            if Path(path).read_text(encoding="utf-8") == ground.secret:
                return "a file outside was read"
    return None


def write_outside(ground: Ground) -> str | None:
    """Make, change, cut, hide and take away files outside."""
    there = Path(ground.outside)
    secret = str(there / "secret")
    ways: list[tuple[str, Callable[[], object]]] = [
        ("made", lambda: (there / "made").write_text("x", encoding="utf-8")),
        ("opened for writing", lambda: os.close(os.open(secret, os.O_WRONLY | os.O_APPEND))),
        ("cut", lambda: os.truncate(secret, os.stat(secret).st_size)),
        ("given other rights", lambda: os.chmod(secret, 0o644)),
        ("given other times", lambda: os.utime(secret)),
        ("moved", lambda: os.rename(there / "moving", there / "moved")),
        ("removed", lambda: os.unlink(there / "removing")),
        ("linked", lambda: os.link(secret, there / "linked")),
        ("made as a folder", lambda: os.mkdir(there / "folder")),
    ]
    return _first(ways, "a file outside was {}")


def _first(ways: Sequence[tuple[str, Callable[[], object]]], text: str) -> str | None:
    for name, way in ways:
        with contextlib.suppress(OSError):
            way()
            return text.format(name)
    return None


def tcp(ground: Ground) -> str | None:
    """Connect to a port of this machine, and open one."""

    def connect() -> None:
        socket.create_connection(("127.0.0.1", ground.tcp), CONNECT_S).close()

    def listen() -> None:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            door.listen()

    return _first([("connected to", connect), ("opened", listen)], "a TCP port was {}")


def udp(ground: Ground) -> str | None:
    """Send a datagram to a port of this machine."""

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", ground.udp))

    return _first([("sent", send)], "a datagram was {}")


def unix_socket(ground: Ground) -> str | None:
    """Connect to a socket of another process on this machine, or send to one."""

    def connect(name: str) -> Callable[[], None]:
        def go() -> None:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(CONNECT_S)
                sock.connect(name)

        return go

    def send() -> None:
        # Needs no `socket()`: one end of a pair sends to whom it likes.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs:
            ours.sendto(b"x", ground.unix + DATAGRAM)

    ways = [
        ("by its path", connect(ground.unix)),
        ("by its name", connect(f"\0{ground.unix}")),
        ("by a datagram", send),
    ]
    return _first(ways, "a socket of another process was reached {}")


def other_processes(ground: Ground) -> str | None:
    """Look into another process, hold it, and signal it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_SEIZE, ground.victim, None, None) == 0:
        libc.ptrace(PTRACE_DETACH, ground.victim, None, None)
        return "another process was traced"

    def own() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            fcntl.fcntl(ours, fcntl.F_SETOWN, ground.victim)

    ways: list[tuple[str, Callable[[], object]]] = [
        ("signalled", lambda: os.kill(ground.victim, signal.SIGURG)),
        ("given another priority", lambda: os.setpriority(os.PRIO_PROCESS, ground.victim, 1)),
        ("made to be signalled by a descriptor", own),
    ]
    return _first(ways, "another process was {}")


def other_proc(ground: Ground) -> str | None:
    """Read what /proc says of another process."""
    for name in ("environ", "cmdline", "maps"):
        with contextlib.suppress(OSError):
            Path(f"/proc/{ground.victim}/{name}").read_bytes()
            return f"{name} of another process was read"
    return None


def fork_bomb(ground: Ground) -> str | None:  # noqa: ARG001  every act takes the same
    """Start processes and never stop: as many as a small bomb, in every way there is."""
    started: list[int] = []
    try:
        for _ in range(PROCESSES_TRIED):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            started.append(pid)
    except OSError:
        pass
    finally:
        for pid in started:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["/bin/true"], check=False, timeout=CONNECT_S)
        return "a program was started"
    return f"{len(started)} processes were started" if len(started) > PROCESSES_ALLOWED else None


def memory(ground: Ground) -> str | None:
    """Take more memory than may be had: from the heap, by mapping, and as a file without a name."""
    held: list[mmap.mmap | bytearray] = []
    with contextlib.suppress(MemoryError):
        held.append(bytearray(ground.memory_bytes))
        return "more memory was taken than is allowed"
    with contextlib.suppress(OSError, ValueError):
        held.append(mmap.mmap(-1, ground.memory_bytes))
        return "more memory was mapped than is allowed"
    with contextlib.suppress(OSError, AttributeError):
        os.close(os.memfd_create("probe"))
        return "memory was taken that nobody counts"
    return None


def cpu(ground: Ground) -> str | None:
    """Compute longer than is allowed; whoever is stopped says nothing any more."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    began = time.process_time()
    while time.process_time() - began < ground.cpu_s:
        pass
    return "more was computed than is allowed"


def disk_fill(ground: Ground) -> str | None:
    """Write more than may be written, into one file and into many."""
    block = b"x" * BLOCK_BYTES
    written = 0
    here = Path("probe-fill")
    with contextlib.suppress(OSError):
        here.mkdir(exist_ok=True)
        for number in range(2 * (ground.disk_bytes // BLOCK_BYTES) + 2):
            with (here / str(number)).open("wb", buffering=0) as file:
                written += file.write(block)
    shutil.rmtree(here, ignore_errors=True)
    return f"{written} bytes were written" if written > ground.disk_bytes else None


def symlink_swap(ground: Ground) -> str | None:
    """Have an allowed path lead outside at the very moment at which it is opened."""
    own, link, spare = Path("swap-own"), Path("swap-link"), Path("swap-spare")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for target in (own.absolute(), f"{ground.outside}/secret"):
                with contextlib.suppress(OSError):
                    spare.symlink_to(target)
                    spare.replace(link)

    try:
        own.write_text("own", encoding="utf-8")
        link.symlink_to(own.absolute())
    except OSError:
        return None  # there is no place in which it could be tried: no link can be made at all
    swapper = threading.Thread(target=swap, name="swap")
    swapper.start()
    try:
        return open_swapped(link, ground.secret)
    finally:
        done.set()
        swapper.join()
        for path in (own, link, spare):
            path.unlink(missing_ok=True)


def open_swapped(link: Path, secret: str, *, within_s: float = SWAP_S_MAX) -> str | None:
    """Open a link that is swapped meanwhile until it has often enough led outside and was refused.

    Gives words when it was opened, and when it did not lead outside often enough to prove anything.
    """
    began_s, met = time.monotonic(), 0
    while (took_s := time.monotonic() - began_s) < SWAP_S or met < SWAPS_MET_MIN:
        if took_s > within_s:
            return f"it could not be tried: only {met} openings met the link as it led outside"
        try:
            if link.read_text(encoding="utf-8") == secret:
                return "a link that was swapped led outside"
        except OSError:
            met += 1
    return None


def setuid(ground: Ground) -> str | None:  # noqa: ARG001  every act takes the same
    """Become somebody else, or start a program that does."""
    libc = ctypes.CDLL(None, use_errno=True)
    other = 65_534 if os.getuid() == 0 else 0
    if libc.setresuid(other, other, os.getuid()) == 0:
        return f"user {other} was become"
    for program in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp"):
        with contextlib.suppress(OSError):
            if os.stat(program).st_mode & 0o4000 and not _no_new_privileges():
                pid = os.posix_spawn(program, [program, "--version"], {})
                os.waitpid(pid, 0)
                return f"{program}, which runs as its owner, was started"
    return None


def _no_new_privileges() -> bool:
    get_no_new_privileges = 39
    return bool(ctypes.CDLL(None).prctl(get_no_new_privileges, 0, 0, 0, 0))


def environment(ground: Ground) -> str | None:
    """Find anything in the environment that was not put there for the body."""
    found = set(os.environ)
    with contextlib.suppress(OSError):
        raw = Path("/proc/self/environ").read_bytes()
        found |= {one.partition(b"=")[0].decode() for one in raw.split(b"\0") if b"=" in one}
    extra = sorted(found - set(ground.known))
    return f"{', '.join(extra)} was found in the environment" if extra else None


ACTS: dict[str, Callable[[Ground], str | None]] = {
    "read outside": read_outside,
    "write outside": write_outside,
    "TCP": tcp,
    "UDP": udp,
    "unix socket": unix_socket,
    "ptrace": other_processes,
    "other /proc": other_proc,
    "fork bomb": fork_bomb,
    "memory": memory,
    "CPU": cpu,
    "disk fill": disk_fill,
    "symlink swap": symlink_swap,
    "setuid": setuid,
    "environment secrets": environment,
}
QUIET = tuple(name for name in ACTS if name != "CPU")  #: after which the process still answers


async def body(call: bytes, secrets: Mapping[str, str]) -> bytes:  # noqa: ARG001  as bodies are
    """Attempt the named acts, one after another; says which succeeded and how."""
    asked = orjson.loads(call)
    ground = Ground(**asked["ground"])
    found: dict[str, str | None] = {}
    for name in asked["acts"]:
        try:
            found[name] = ACTS[name](ground)
        except (OSError, MemoryError) as error:
            refused = isinstance(error, MemoryError) or error.errno in _REFUSALS
            found[name] = None if refused else f"it failed otherwise: {error}"
    return orjson.dumps(found)


_REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EFBIG, errno.ENOMEM})
