"""Tells one process from a later one that was given the same number.

A pid alone proves nothing: the system hands it on. A pid together with the moment of its birth
names one process for as long as the machine is up.
"""

import subprocess
from pathlib import Path

PROC = Path("/proc/self")  #: Linux has it, macOS has not
GONE = ("Z", "X", "x")  #: ended, and only waiting for its parent to look


def birth_of(pid: int) -> str | None:
    """Say when a process was born, in the system's own words; None when it is not alive."""
    return _birth_by_proc(pid) if PROC.is_dir() else _birth_by_ps(pid)


def command_of(pid: int) -> str:
    """Give the command line of a process, its parts joined by blanks; empty when it is gone."""
    if not PROC.is_dir():
        return _ps("command=", pid)
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _birth_by_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name in brackets, which may itself hold spaces and brackets.
    fields = text.rpartition(")")[2].split()
    state, threads, born = fields[0], int(fields[17]), fields[19]
    # Linux 6.1: a process that was killed looks ended while its last threads still hold its ports.
    return None if state in GONE and threads <= 1 else born


def _birth_by_ps(pid: int) -> str | None:
    told = _ps("stat=,lstart=", pid)
    state, _, born = told.partition(" ")
    return None if not told or state[0] in GONE else " ".join(born.split())


def _ps(columns: str, pid: int) -> str:
    return subprocess.run(
        ["/bin/ps", "-ww", "-o", columns, "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
