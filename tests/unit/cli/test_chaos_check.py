"""`handrail chaos check` judges a recorded run once more, without starting anything."""

from pathlib import Path

import pytest

from handrail.chaos import folder
from handrail.chaos.history import Effect, Happening, History, Run, Submission
from handrail.cli.main import main

CLEAN = History(run=Run(namespace="ns", started_ms=0, ended_ms=1), records={})
LOST = History(
    run=CLEAN.run,
    records={},
    effects=[Effect(time_ms=1, key="k", tool="pay", happened=Happening.BEGUN, effect="unsafe")],
    submissions=[Submission(time_ms=0, task="t1", topic="orders", reference="order-1", results=1)],
)


def judged(history: History, path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    folder.write(history, path)
    code = main(["chaos", "check", str(path)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_a_clean_history_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, words = judged(CLEAN, tmp_path, capsys)

    assert code == 0
    assert "nothing of the kind was tried" in words


def test_a_broken_promise_is_told_with_its_invariant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, words = judged(LOST, tmp_path, capsys)

    assert code == 9
    assert "I1: task order-1 was acknowledged and nothing is known of it" in words
    assert "I2: pay acted under key k… without an intent before it" in words


def test_a_folder_that_holds_no_history_is_told_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["chaos", "check", str(tmp_path)])

    assert code == 2
    assert "HR-CHAOS-001" in capsys.readouterr().err
