"""Rounds of a proof are kept a line each and add up."""

from dataclasses import replace
from pathlib import Path

import pytest

from handrail.chaos.account import Against, Figure, Round
from handrail.chaos.rounds import added_up, append, read

ROOT = Path(__file__).parents[3]
CLEAN = Round(
    seed=1,
    team="shipped",
    sources="abc",
    at="2026-11-24T04:00:00Z",
    took_s=100.0,
    counts={Against.TASKS: 100, Against.STEPS: 500, Against.ZOMBIES: 0},
    faults={"kill": 5},
    found=dict.fromkeys(map(str, Figure), 0),
)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "rounds.jsonl"
    lossy = replace(CLEAN, seed=2, found={**CLEAN.found, "lost": 1}, findings=["I1: a task"])

    append(file, CLEAN)
    append(file, lossy)

    found, broken = read(file)
    assert found == [CLEAN, lossy]
    assert broken == 0
    assert [one.is_clean for one in found] == [True, False]


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path: Path) -> None:
    file = tmp_path / "rounds.jsonl"
    append(file, CLEAN)
    file.write_bytes(file.read_bytes() + b'{"seed": 3, "te')

    append(file, CLEAN)

    assert read(file) == ([CLEAN, CLEAN], 1)


def test_no_file_holds_no_rounds(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == ([], 0)


def test_none_of_n_is_bounded_by_three_in_n() -> None:
    total = added_up([CLEAN, CLEAN, CLEAN])

    sums = {one.figure: one for one in total.sums}
    assert total.is_clean
    assert (sums[Figure.LOST].count, sums[Figure.LOST].bound) == (300, 0.01)
    assert total.faults == {"kill": 15}


def test_what_was_not_tried_and_what_was_found_are_bounded_by_nothing() -> None:
    total = added_up([CLEAN, replace(CLEAN, found={**CLEAN.found, "doubled": 2})])

    sums = {one.figure: one for one in total.sums}
    assert not total.is_clean
    assert sums[Figure.ZOMBIE].bound is None, "there was no freeze past the session"
    assert (sums[Figure.DOUBLED].found, sums[Figure.DOUBLED].bound) == (2, None)


def test_of_what_is_bounded_in_time_the_slowest_of_all_rounds_counts() -> None:
    timed = [replace(CLEAN, slowest_s={Figure.UNTOLD.value: one}) for one in (1.5, 7.25, 3.0)]

    sums = {one.figure: one for one in added_up([CLEAN, *timed]).sums}

    assert sums[Figure.UNTOLD].slowest_s == 7.25
    assert sums[Figure.LOST].slowest_s is None


def test_doubts_and_waste_are_counted_and_break_no_promise() -> None:
    total = added_up([replace(CLEAN, found={**CLEAN.found, "in doubt": 4, "wasted": 9})])

    assert total.is_clean
    assert all(one.bound is None for one in total.sums if not one.figure.is_promised)


def test_the_account_of_the_proof_names_no_place_on_a_machine() -> None:
    rounds, broken = read(ROOT / "bench" / "proof" / "rounds.jsonl")

    assert rounds
    assert broken == 0
    assert [one.history for one in rounds if one.history and one.history.startswith("/")] == []


@pytest.mark.parametrize("what", [Against.STEPS, Against.ACTS, Against.REPEATED])
def test_a_round_in_which_a_handler_ran_has_tried_something(what: Against) -> None:
    assert not replace(CLEAN, counts={Against.TASKS: 80}).has_tried
    assert replace(CLEAN, counts={Against.TASKS: 80, what: 1}).has_tried
