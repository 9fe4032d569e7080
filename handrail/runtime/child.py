"""One child process of a supervisor: started, listened to, told to stop, and known to be dead.

The child gets its own process group, so that Ctrl-C on the terminal reaches the supervisor alone,
which then stops its children in order. It does not outlive its supervisor.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from handrail.runtime.deadman import PID_VARIABLE, PIPE_VARIABLE
from handrail.runtime.note import ProcessNote, ProcessState, note_path, read_note
from handrail.runtime.process_log import LINE_BYTES_MAX, ProcessLog, log_path

NOTE_VARIABLE = "HANDRAIL_NOTE"


class Kind(StrEnum):
    """What a child does; agents are stopped before the writers that hear of their work."""

    AGENT = "agent"
    WRITER = "writer"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start: a name for logs and notes, the command, and what it is for."""

    name: str
    command: tuple[str, ...]
    kind: Kind = Kind.AGENT
    agents: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class Child:
    """The process of one spec; after it has ended it may be started again."""

    def __init__(self, project: Path, spec: ChildSpec) -> None:
        """Nothing is started yet."""
        self.spec = spec
        self.project = project
        self.note_file = note_path(project, spec.name)
        self.log = ProcessLog(log_path(project, spec.name))
        self.exits_s: list[float] = []
        self.exit_code: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._copying: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process; None when none runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def note(self) -> ProcessNote | None:
        """What the running process wrote about itself; None before it did."""
        note = read_note(self.note_file)
        return note if note is not None and note.pid == self.pid else None

    @property
    def ready(self) -> bool:
        """Say whether the process has said that it is ready."""
        note = self.note
        return note is not None and note.state is ProcessState.READY

    async def start(self, supervisor_pipe: int) -> None:
        """Start the process; it reads the end of `supervisor_pipe` as the supervisor's death."""
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            **self.spec.environment,
            NOTE_VARIABLE: str(self.note_file),
            PID_VARIABLE: str(os.getpid()),
            PIPE_VARIABLE: str(supervisor_pipe),
        }
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            pass_fds=(supervisor_pipe,),
            start_new_session=True,
            limit=LINE_BYTES_MAX,
        )
        self._copying = asyncio.create_task(self._copy(), name=f"log of {self.spec.name}")

    async def ended(self) -> int:
        """Wait until the process has ended and its last words are in the log."""
        process, copying = self._process, self._copying
        if process is None or copying is None:
            raise RuntimeError(f"{self.spec.name} was never started")
        self.exit_code = await process.wait()
        # A grandchild may hold the pipe open; its words are not worth waiting for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(copying, timeout=1.0)
        self.exits_s.append(asyncio.get_running_loop().time())
        return self.exit_code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if the process still runs."""
        if (process := self._process) is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def close(self) -> None:
        """Give back the log; the note is left when its process died without order."""
        self.log.close()
        note = read_note(self.note_file)
        if note is not None and note.state is ProcessState.STOPPED:
            self.note_file.unlink(missing_ok=True)

    async def _copy(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line longer than the limit: what was read of it is dropped
                self.log.write(b"(a line longer than 16 KiB was left out)")
                continue
            if not line:
                return
            self.log.write(line)


def handrail_command(*arguments: str) -> tuple[str, ...]:
    """Give the command that runs this very Handrail in a process of its own."""
    return (sys.executable, "-m", "handrail", *arguments)
