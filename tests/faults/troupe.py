"""The team of the fault tests as real processes: started, killed, frozen, started again.

Each member is `handrail run NAME`. Whoever is killed is reported to its groups at once, as a
supervisor does it, so that nobody waits for a session to end.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from handrail.bus.port import Bus
from handrail.runtime.note import ProcessNote, ProcessState, read_note
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
TEAM = Path(__file__).parent / "team"
READY_WITHIN_S = 60.0
SAID_LINES = 25
RUN = (sys.executable, "-m", "handrail")


def project(
    folder: Path,
    bootstrap: str,
    namespace: str,
    partitions: int = 4,
    *,
    team: Path = TEAM,
    intake: str = "orders",
) -> Path:
    """Lay a team out as a project that works on this broker."""
    shutil.copytree(team, folder, dirs_exist_ok=True)
    settings = f'namespace = "{namespace}"\nintake = "{intake}"\npartitions = {partitions}\n'
    (folder / "handrail.toml").write_text(f'{settings}[broker]\nbootstrap = "{bootstrap}"\n')
    return folder


def handrail(folder: Path, *arguments: str) -> bytes:
    """Run a command on the project to its end, and give what it wrote."""
    command = [*RUN, *arguments, "--project", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


class Member:
    """One process of the team, by a name of its own."""

    def __init__(self, folder: Path, name: str, agent: str, program: Sequence[str] = RUN) -> None:
        """Nothing runs yet."""
        self.name, self.agent = name, agent
        self.note_file = folder / ".handrail" / "run" / f"{name}.json"
        self.log_file = folder / f"{name}.log"
        self._command = [*program, "run", agent, "--project", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process that runs, or ran last."""
        assert self._process is not None
        return self._process

    @property
    def note(self) -> ProcessNote | None:
        """What the running process has said about itself."""
        note = read_note(self.note_file)
        running = self._process is not None and note is not None and note.pid == self._process.pid
        return note if running else None

    @property
    def ready(self) -> bool:
        """Whether all that the group gave it is open."""
        note = self.note
        return note is not None and note.state is ProcessState.READY

    def start(self, **more: str) -> None:
        """Start a process, with `more` in its environment; what it says goes to its log."""
        self.note_file.parent.mkdir(parents=True, exist_ok=True)
        own = {"HANDRAIL_NOTE": str(self.note_file), "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **own, **more}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the running process."""
        self.process.send_signal(number)

    @property
    def died(self) -> bool:
        """Whether the process that was started has ended."""
        return self.process.poll() is not None

    async def kill(self, bus: Bus) -> None:
        """End it as no process may defend itself against, and tell its groups."""
        note = self.note
        self.process.kill()
        self.process.wait()
        for group, member_id in (note.members if note else {}).items():
            await bus.admin.remove_member(group, member_id)

    def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()


class Troupe:
    """All processes of one project."""

    def __init__(self, folder: Path, names: Sequence[str], program: Sequence[str] = RUN) -> None:
        """Name the members `agent` or `agent-2`; nothing runs yet."""
        self.members = {
            name: Member(folder, name, name.partition("-")[0], program) for name in names
        }

    def __enter__(self) -> Self:
        """Start everybody."""
        for member in self.members.values():
            member.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End everybody; a failing test is told what they said last."""
        for member in self.members.values():
            member.close()
        if error is None:
            return
        for member in self.members.values():
            # One that has not come so far as to leave a note has a log all the same.
            note = member.note_file.read_text() if member.note_file.exists() else "no note"
            error.add_note(f"{member.name}: {note}")
            error.add_note("\n".join(member.log_file.read_text().splitlines()[-SAID_LINES:]))

    async def ready(self) -> None:
        """Wait until everybody has opened what it was given."""
        for member in self.members.values():
            await until(
                lambda member=member: member.ready,
                within_s=READY_WITHIN_S,
                what=f"{member.name} is ready; see {member.log_file}",
            )
