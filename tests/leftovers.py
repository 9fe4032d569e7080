"""Finds what a test run leaves behind: processes, listening ports, files, asyncio tasks.

Processes are found by a mark in their environment, which every child inherits, so that one that
has left its parent is found too. Only Linux shows the environment of others; elsewhere processes
and ports are not looked for.
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

RUN_MARK = "HANDRAIL_TEST_RUN"
PROC = Path("/proc")
LISTENING = "0A"  #: the state of a listening socket in /proc/net/tcp (Linux 6.1)
TASK_PATIENCE_TURNS = 20

#: What pytest and the tools beside it keep in the root of a checkout on purpose.
ORDINARY = frozenset({".pytest_cache", ".hypothesis", ".ruff_cache", ".mypy_cache", ".coverage"})


def processes(mark: str, *, besides: Iterable[int] = ()) -> list[str]:
    """Describe the living processes that carry this mark, `besides` these."""
    known = {os.getpid(), *besides}
    wanted = f"{RUN_MARK}={mark}".encode()
    found: list[str] = []
    for entry in PROC.glob("[0-9]*"):
        try:
            marks = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # It ended while we looked, or it belongs to somebody else.
        if wanted in marks and int(entry.name) not in known and command:
            found.append(f"process {entry.name}: {command[:200]}")
    return found


def listening_ports() -> list[str]:
    """Describe the TCP ports on which this very process still listens."""
    sockets: set[str] = set()
    for entry in (PROC / "self" / "fd").glob("*"):
        try:
            sockets.add(str(entry.readlink()))
        except OSError:
            continue  # The descriptor of this very listing is gone by now.
    found: list[str] = []
    for table in ("tcp", "tcp6"):
        path = PROC / "self" / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                found.append(f"port {int(fields[1].rsplit(':', 1)[1], 16)}")
    return found


def entries(folder: Path) -> frozenset[str]:
    """Name what lies in a folder, without what is kept there on purpose."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir()) - ORDINARY


async def tasks(before: frozenset["asyncio.Task[object]"]) -> list[str]:
    """Name the tasks that still run, after those that are about to end have had their turns."""
    mine = asyncio.current_task()
    for _ in range(TASK_PATIENCE_TURNS):
        left = [task for task in asyncio.all_tasks() if task is not mine and task not in before]
        if not left:
            return []
        await asyncio.sleep(0)
    return sorted(f"task {task.get_name()}: {task.get_coro()!r}" for task in left)
