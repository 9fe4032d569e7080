"""Showing records of any topic."""

import contextlib

from handrail.cli.records import SHOWN_CHARS_MAX, line_of, record_row, value_line
from handrail.wire.record import Record
from tests.unit.cli.screen import Screen

LONG = "x" * (SHOWN_CHARS_MAX + 1)


def test_a_long_value_is_cut_on_a_terminal_and_whole_anywhere_else() -> None:
    record = record_row(Record("ns.names", 0, 7, 0, b"k", f'"{LONG}"'.encode()))

    piped = line_of(record)
    with contextlib.redirect_stdout(Screen()):
        shown = line_of(record)

    assert piped.endswith(f" k {LONG}")
    assert shown.endswith(f" k {LONG[:-1]}… ({len(LONG)})")
    assert value_line(None) == "(tombstone)"
