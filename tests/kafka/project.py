"""A team's folder in a namespace of its own, driven through the command line alone."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from handrail.runtime.note import ProcessNote, ProcessState, notes


@dataclass
class Project:
    """A team in a namespace of its own, and whatever was started for it."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "handrail", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "handrail", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def ready(self) -> dict[str, ProcessNote]:
        found = {note.name: note for _, note in notes(self.folder) if note.alive}
        return {name: n for name, n in found.items() if n.state is ProcessState.READY}


@contextmanager
def project_of(
    folder: Path, broker: str, files: Mapping[str, str], partitions: int
) -> Iterator[Project]:
    """Give a project of these files on a broker; whatever it started is ended."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    environment = {
        **os.environ,
        "HANDRAIL_BOOTSTRAP": broker,
        "HANDRAIL_NAMESPACE": f"up-{uuid.uuid4().hex[:8]}",
        "HANDRAIL_PARTITIONS": str(partitions),
    }
    made = Project(folder, environment)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
