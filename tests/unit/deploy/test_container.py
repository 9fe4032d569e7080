"""A container says that it is healthy when its process does, and starts nothing but Handrail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.bus.process_birth import birth_of
from handrail.runtime.note import ProcessNote, ProcessState, write_note

CONTAINER = Path(__file__).resolve().parents[3] / "deploy" / "container.py"


def container(note: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the container's program with its note at this place."""
    return subprocess.run(
        [sys.executable, CONTAINER, *arguments],
        env={**os.environ, "HANDRAIL_NOTE": str(note), "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ProcessState.STARTING, 1),
        (ProcessState.READY, 0),
        (ProcessState.DRAINING, 0),
        (ProcessState.STOPPED, 1),
    ],
)
def test_health_is_what_the_living_process_says(
    tmp_path: Path, state: ProcessState, expected: int
) -> None:
    note = tmp_path / "note.json"
    write_note(note, ProcessNote("planner", os.getpid(), str(birth_of(os.getpid())), state))

    assert container(note, "healthy").returncode == expected


def test_a_partition_that_stays_closed_is_not_healthy_and_is_named(tmp_path: Path) -> None:
    note, born = tmp_path / "note.json", str(birth_of(os.getpid()))
    closed = {"handrail.jobs/3": "Its offset is gone. [HR-LANE-006]"}
    written = ProcessNote("planner", os.getpid(), born, ProcessState.READY, closed=closed)
    write_note(note, written)

    found = container(note, "healthy")

    assert found.returncode == 1
    assert "partition handrail.jobs/3 is closed: Its offset is gone. [HR-LANE-006]" in found.stderr


def test_a_note_of_an_earlier_process_is_not_healthy(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    write_note(note, ProcessNote("planner", os.getpid(), "long ago", ProcessState.READY))

    assert container(note, "healthy").returncode == 1


def test_no_note_is_not_healthy(tmp_path: Path) -> None:
    assert container(tmp_path / "note.json", "healthy").returncode == 1


def test_anything_else_becomes_that_handrail_process(tmp_path: Path) -> None:
    handrail = tmp_path / "handrail"
    handrail.write_text('#!/bin/sh\necho "$$" "$HANDRAIL_NOTE" "$@"\n')
    handrail.chmod(0o755)
    note = tmp_path / "run" / "note.json"

    done = container(note, "run", "planner", path=f"{tmp_path}:{os.environ['PATH']}")

    assert done.stdout.split()[1:] == [str(note), "run", "planner"]
    assert note.parent.is_dir()
