"""A history of compare-and-sets is judged: what cannot have happened is named."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.chaos.registers import NEVER_NS, Call, faults, read_calls, write_calls


def call(expect: int, result: str, version: int, times: tuple[int, int], process: int = 1) -> Call:
    value = f"{process}-{expect}-{times[0]}"
    return Call(process, "k", expect, value, result, version, *times)


FIRST = call(0, "ok", 1, (10, 20))
SECOND = call(1, "ok", 2, (30, 40), 2)
LOSER = call(1, "conflict", 2, (25, 50), 3)
SOUND = [FIRST, SECOND, LOSER]
VALUES = {"k": [FIRST.value, SECOND.value]}


def test_a_history_that_can_have_happened_has_no_fault() -> None:
    assert faults(SOUND, VALUES) == []
    assert faults([], {}) == []


def test_what_was_not_answered_may_have_happened_or_not() -> None:
    lost = replace(SECOND, result="unknown", version=0, return_ns=NEVER_NS)

    assert faults([FIRST, lost, LOSER], VALUES) == []
    assert faults([FIRST, lost], {"k": [FIRST.value]}) == []


@pytest.mark.parametrize(
    ("calls", "values", "word"),
    [
        ([FIRST, SECOND], [FIRST.value], "lost"),
        ([FIRST], [FIRST.value, "x"], "by nobody"),
        ([FIRST, SECOND], ["x", SECOND.value], "another value"),
        ([FIRST, replace(FIRST, process=2), SECOND], VALUES["k"], "two calls"),
        ([FIRST, replace(SECOND, expect=0)], VALUES["k"], "who expected"),
        ([*SOUND, call(1, "conflict", 2, (21, 29), 4)], VALUES["k"], "before it can"),
        ([*SOUND, call(7, "conflict", 0, (22, 29), 4)], VALUES["k"], "before it can"),
        ([*SOUND, call(2, "conflict", 2, (45, 46), 4)], VALUES["k"], "that it expected"),
        ([*SOUND, call(1, "conflict", 3, (45, 46), 4)], VALUES["k"], "is not there"),
        ([FIRST, replace(SECOND, call_ns=1, return_ns=5)], VALUES["k"], "before it can"),
    ],
)
def test_what_cannot_have_happened_is_named(
    calls: list[Call], values: list[str], word: str
) -> None:
    found = faults(calls, {"k": values})

    assert found
    assert word in " ".join(found)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_whatever_a_register_does_in_some_order_has_no_fault(
    steps: list[tuple[int, int, int]],
) -> None:
    """A register that is run in a known order, with calls stretched around their moments."""
    values: list[str] = []
    calls: list[Call] = []
    for number, (behind, before, after) in enumerate(steps):
        moment, expect = 10 * (number + 1), max(0, len(values) - behind)
        times = (moment - before, moment + after)
        if expect == len(values):
            made = call(expect, "ok", expect + 1, times, number)
            values.append(made.value)
        else:
            made = call(expect, "conflict", len(values), times, number)
        calls.append(made)

    assert faults(calls, {"k": values}) == []


def test_a_history_is_written_line_by_line_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"

    write_calls(path, SOUND[::-1])

    assert sorted(read_calls(path), key=lambda one: one.return_ns) == SOUND
    assert path.read_text().startswith('{"process": 1, "key": "k", "expect": 0, "value": "1-0-10"')
