"""Confines the process that calls it, step by step, in the one order that works.

It runs in a child that was forked for one call. Namespaces come first, because they need rights
that are given up next; the filter of system calls comes last, because the other steps need calls
that it refuses. If any step fails the caller must not go on: nothing here is silently left out.
"""

import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from handrail.contract.confinement import Level, Limits
from handrail.rails.sandbox import kernel, landlock, seccomp
from handrail.rails.sandbox.means import Confinement

#: Where programs, libraries, time zones and certificates lie. No configuration of services, no key
#: that belongs to a certificate, which root's own process could read, and nothing of a person's.
SYSTEM_READS = (
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/localtime",
    "/etc/mime.types",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS = 1, 0x8913, 0x8914


@dataclass(frozen=True, slots=True)
class Paths:
    """What one call may see of the file system."""

    reads: Sequence[str]
    lists: Sequence[str]  #: names only
    scratch: str  #: a folder on which the private scratch of the call is mounted


@lru_cache(maxsize=1)
def python_reads() -> tuple[str, ...]:
    """Give the folders from which this Python takes its modules."""
    known = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    return tuple(sorted(path for path in known if Path(path).exists()))


def prepare() -> None:
    """Compute once, before any child is forked, what is the same for all of them."""
    python_reads()
    for processes in (False, True):
        for network in (False, True):
            seccomp.program(seccomp.Filter(os.getpid(), processes, network))


def network_of_its_own() -> socket.socket:
    """Open the one door of a new network namespace: a listening socket on its loopback.

    A socket stays in the namespace in which it was made, so the engine, to which it is handed,
    serves it from outside.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh22x", b"lo", 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(asked, SIOCGIFFLAGS, request))
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.bind(("127.0.0.1", 0))
    door.listen(16)
    return door


def enter_namespaces(how: Confinement, limits: Limits, paths: Paths) -> None:
    """Leave what is shared with other processes; the scratch folder gets its bounded file system.

    A PID namespace holds for the children of this process: whoever asks for one forks once more.
    """
    user, group = os.geteuid(), os.getegid()
    flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    flags |= kernel.CLONE_NEWNET if how.own_network else 0
    flags |= kernel.CLONE_NEWPID if how.own_processes else 0
    kernel.unshare(flags)
    # Who may not map several groups has to give up changing them first.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    guarded = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    if limits.disk_bytes > 0:
        files_max = max(16, limits.disk_bytes // 4096)
        options = f"size={limits.disk_bytes},nr_inodes={files_max},mode=0700"
        kernel.mount("handrail", paths.scratch, "tmpfs", guarded, options)
    if how.level is Level.STRICT:
        kernel.mount("handrail", "/proc", "tmpfs", guarded | kernel.MS_RDONLY, "size=4096")


def loaded_bytes() -> int:
    """Give the address space that is taken before the body begins."""
    with open("/proc/self/statm", "rb", buffering=0) as told:  # noqa: PTH123  at every call; fast
        pages = int(told.read(64).split()[0])
    return pages * resource.getpagesize()


def confine(limits: Limits, paths: Paths, loaded: int, *, egress: bool) -> None:
    """Give up everything that the level forbids, for good. Raises OSError, ValueError."""
    _bound(limits, loaded)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(
        [*SYSTEM_READS, *python_reads(), *paths.reads],
        paths.lists,
        [paths.scratch] if limits.disk_bytes > 0 else [],
        DEVICES,
        executes=limits.processes > 0,
        tcp=egress,
    )
    kernel.drop_capabilities()
    # Other processes of this user may not look into this one either; and it stays a child that
    # dies with its parent: whatever changes credentials has happened.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    wanted = seccomp.Filter(os.getpid(), processes=limits.processes > 0, network=egress)
    kernel.install_filter(seccomp.program(wanted))


def _bound(limits: Limits, loaded: int) -> None:
    """Set the limits of this process; nobody without capabilities can raise them again."""
    memory = loaded + limits.memory_bytes
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        # The first second over is a signal that says so; the next one ends the process.
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_FSIZE, limits.disk_bytes, limits.disk_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))
    if limits.processes > 0:
        # The kernel counts within the user namespace; the body and its parent are two of them.
        count = limits.processes + 2
        resource.setrlimit(resource.RLIMIT_NPROC, (count, count))
