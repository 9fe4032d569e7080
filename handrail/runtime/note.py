"""What a process writes down about itself: for its supervisor, for `status`, for a successor.

A note is one JSON file below `.handrail/run`, replaced as a whole, so that a reader never sees half
of one. It outlives its process: whoever finds the note of a dead process knows under which member
ids that process sat in its groups, and can tell the groups that it is gone.
"""

import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import orjson

from handrail.bus.process_birth import birth_of


class ProcessState(StrEnum):
    """How far a process is."""

    STARTING = "starting"  #: imports, connects, joins its groups
    READY = "ready"  #: every partition it was given is open, but for those that are `closed`
    DRAINING = "draining"  #: takes nothing new, finishes what runs
    STOPPED = "stopped"  #: left its groups and ended in order


@dataclass(frozen=True, slots=True)
class ProcessNote:
    """One process: who it is, what it does, how much of it."""

    name: str
    pid: int
    born: str  #: with the pid, tells this process from a later one with the same pid
    state: ProcessState = ProcessState.STARTING
    agents: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict[str, str])  #: group → member id
    partitions: int = 0
    handled: int = 0
    in_hand: int | None = None
    waits_for: str = ""  #: which providers let little through now, in words
    #: Partitions that stay closed until a person has looked, INBOX/NUMBER → why.
    closed: dict[str, str] = field(default_factory=dict[str, str])
    since_ms: int = 0
    host: str = field(default_factory=socket.gethostname)

    @property
    def alive(self) -> bool:
        """Say whether that very process still runs on this machine."""
        return birth_of(self.pid) == self.born

    @property
    def known_dead(self) -> bool:
        """Say whether it ran on this machine, by its name, and runs no more.

        Of a process of another machine, or of another container, nobody here knows.
        """
        return self.host == socket.gethostname() and not self.alive


def run_folder(project: Path) -> Path:
    """Give the folder of the notes, made if it was not there."""
    folder = project / ".handrail" / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def note_path(project: Path, name: str) -> Path:
    """Give where the process of that name keeps its note."""
    return run_folder(project) / f"{name}.json"


def write_note(path: Path, note: ProcessNote) -> None:
    """Replace the note as a whole. Raises OSError, and leaves the one of before then."""
    fresh = path.with_suffix(f".{os.getpid()}.new")
    try:
        fresh.write_bytes(orjson.dumps(note))
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def read_note(path: Path) -> ProcessNote | None:
    """Read a note; None when there is none or it cannot be understood."""
    try:
        raw = dict(orjson.loads(path.read_bytes()))
        names = {f.name for f in dataclasses.fields(ProcessNote)}
        known = {key: value for key, value in raw.items() if key in names}
        known |= {"state": ProcessState(raw["state"]), "agents": tuple(raw["agents"])}
        return ProcessNote(**known)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def notes(project: Path) -> Iterator[tuple[Path, ProcessNote]]:
    """Give every note of a project by name; the notes of dead processes too."""
    for path in sorted(run_folder(project).glob("*.json")):
        if note := read_note(path):
            yield path, note


def closed_partitions(project: Path) -> dict[str, str]:
    """Give the partitions that processes of this machine keep closed, INBOX/NUMBER → why."""
    living = [note for _, note in notes(project) if note.alive]
    return {where: why for note in living for where, why in note.closed.items()}
