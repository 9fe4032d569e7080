"""What `handrail status` says of processes, from what they wrote about themselves."""

import json
import os
from pathlib import Path

import pytest

from handrail.bus.process_birth import birth_of
from handrail.cli.main import main
from handrail.runtime.note import ProcessNote, ProcessState, note_path, write_note


def test_what_a_process_has_in_hand_is_not_called_waiting_which_means_unread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    born = birth_of(os.getpid()) or ""
    note = ProcessNote("greeter", os.getpid(), born, ProcessState.READY, handled=7, in_hand=3)
    write_note(note_path(tmp_path, "greeter"), note)

    assert main(["--project", str(tmp_path), "status", "-o", "json"]) == 0

    (row,) = json.loads(capsys.readouterr().out)["items"]
    assert (row["handled"], row["in_hand"]) == (7, 3)
    assert "waiting" not in row


def test_work_that_waits_for_a_provider_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    born = birth_of(os.getpid()) or ""
    words = "most calls of a-model (a-provider) have failed"
    note = ProcessNote("greeter", os.getpid(), born, ProcessState.READY, waits_for=words)
    write_note(note_path(tmp_path, "greeter"), note)

    main(["--project", str(tmp_path), "status"])

    captured = capsys.readouterr()
    said = " ".join((captured.out + captured.err).split())
    assert f"greeter waits for a provider: {words}. It goes on by itself." in said


def test_a_partition_that_stays_closed_is_said_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    born = birth_of(os.getpid()) or ""
    closed = {"handrail.jobs/3": "Its offset is gone. [HR-LANE-006]"}
    note = ProcessNote("greeter", os.getpid(), born, ProcessState.READY, closed=closed)
    write_note(note_path(tmp_path, "greeter"), note)

    main(["--project", str(tmp_path), "status"])

    captured = capsys.readouterr()
    said = " ".join((captured.out + captured.err).split())
    assert "Partition handrail.jobs/3 is closed, and nothing of it is carried out: Its" in said
