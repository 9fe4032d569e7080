"""What a process writes down about itself."""

import os
from pathlib import Path

from handrail.bus.process_birth import birth_of
from handrail.runtime.note import (
    ProcessNote,
    ProcessState,
    note_path,
    notes,
    read_note,
    write_note,
)


def a_note(pid: int, instant: str) -> ProcessNote:
    return ProcessNote(
        "greeter",
        pid,
        instant,
        ProcessState.READY,
        agents=("greeter",),
        members={"handrail.greeter": "member-1"},
        partitions=12,
    )


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    note = a_note(os.getpid(), birth_of(os.getpid()) or "")

    write_note(note_path(tmp_path, "greeter"), note)

    assert read_note(note_path(tmp_path, "greeter")) == note
    assert note.alive
    assert [name.name for name, _ in notes(tmp_path)] == ["greeter.json"]


def test_half_a_note_and_a_foreign_file_count_as_none(tmp_path: Path) -> None:
    path = note_path(tmp_path, "greeter")

    for text in ("", "{", "[]", '{"name": "greeter"}'):
        path.write_text(text)

        assert read_note(path) is None


def test_a_later_process_with_the_same_pid_is_not_the_one_that_wrote() -> None:
    assert not a_note(os.getpid(), "another instant").alive
