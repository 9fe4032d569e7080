"""The log of a process stays bounded."""

import shutil
from pathlib import Path

import pytest

from handrail.runtime.process_log import FILES_KEPT, LINE_BYTES_MAX, ProcessLog


def test_a_full_log_turns_and_the_oldest_words_are_let_go(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "greeter.log", bytes_max=100)

    for number in range(100):
        log.write(b"line %03d" % number)
    log.close()

    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["greeter.log", "greeter.log.1", "greeter.log.2"]
    assert len(files) == FILES_KEPT
    assert all(f.stat().st_size <= 100 for f in files)
    assert files[0].read_text().endswith("line 099\n")


def test_a_log_that_is_opened_again_goes_on_where_it_ended(tmp_path: Path) -> None:
    first = ProcessLog(tmp_path / "greeter.log")
    first.write(b"before")
    first.close()

    second = ProcessLog(tmp_path / "greeter.log")
    second.write(b"after")
    second.close()

    assert (tmp_path / "greeter.log").read_text() == "before\nafter\n"


def test_the_last_lines_leave_out_blank_ones_and_overlong_ones_are_cut(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "greeter.log")

    for line in (b"one", b"", b"two\n", b"x" * (LINE_BYTES_MAX + 1)):
        log.write(line)
    log.close()

    assert log.last_lines(3) == ["one", "two", "x" * LINE_BYTES_MAX]


def test_what_a_full_disk_has_no_room_for_is_counted_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "greeter.log"
    path.symlink_to("/dev/full")
    log = ProcessLog(path, bytes_max=100)

    for number in range(100):
        log.write(b"line %03d" % number)
    path.unlink()
    log.write(b"room again")
    log.close()

    assert log.last_lines(2) == ["line 099", "room again"]
    assert path.read_text() == (
        "(100 lines were left out: [Errno 28] No space left on device)\nroom again\n"
    )


def test_a_log_whose_folder_is_gone_costs_its_lines_and_nothing_else(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "logs" / "greeter.log", bytes_max=100)
    shutil.rmtree(tmp_path / "logs")

    for number in range(100):
        log.write(b"line %03d" % number)
    log.close()

    assert log.last_lines(1) == ["line 099"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ""),
        (["one", "two"], "two"),
        (
            ["Reading.", "Cannot reach Kafka.", "  Why: no answer", "  Do:  look", "  HR-NET-001"],
            "Cannot reach Kafka. Why: no answer",
        ),
        (["Traceback:", '  File "a.py"', "ValueError: no"], "ValueError: no"),
        (["  indented"], "indented"),
    ],
)
def test_the_last_words_are_a_sentence_and_its_reason(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    log = ProcessLog(tmp_path / "a.log")
    for line in lines:
        log.write(line.encode())

    assert log.last_words() == words
    log.close()
