"""Lets one supervisor at a time look after a project folder, and lets others find and end it.

The claim is a lock that the system gives back when its holder dies, so it is never stale.
"""

import fcntl
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from handrail.bus.process_birth import birth_of
from handrail.errors import AlreadyUp, WillNotStop
from handrail.runtime.note import run_folder

LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that looks after a project, and how it was started."""

    pid: int
    born: str
    command: str  #: up, dev or demo
    since_ms: int


class ProjectClaim:
    """The claim on one project folder."""

    def __init__(self, project: Path) -> None:
        """Nothing is claimed yet."""
        self._path = run_folder(project) / "up.lock"
        self._descriptor: int | None = None

    def take(self, command: str) -> None:
        """Claim the project for this process; raises AlreadyUp with the pid of the holder."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            holder = self.holder()
            raise AlreadyUp(pid=holder.pid if holder else "(unknown)") from error
        born = birth_of(os.getpid()) or ""
        mine = Holder(os.getpid(), born, command, time.time_ns() // 1_000_000)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, orjson.dumps(asdict(mine)), 0)
        self._descriptor = descriptor

    def give_back(self) -> None:
        """Let others claim the project."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> Holder | None:
        """Give who holds the claim now; None when nobody does."""
        try:
            holder = Holder(**orjson.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return holder if birth_of(holder.pid) == holder.born else None

    def end_holder(self, *, within_s: float) -> Holder | None:
        """Ask the holder to stop in order and wait until it is gone; None when nobody holds.

        Raises WillNotStop when it still runs after `within_s`.
        """
        holder = self.holder()
        if holder is None:
            return None
        os.kill(holder.pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while birth_of(holder.pid) == holder.born:
            if time.monotonic() > deadline:
                raise WillNotStop(pid=holder.pid, deadline_s=within_s)
            time.sleep(LOOK_EVERY_S)
        return holder
