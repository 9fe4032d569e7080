"""How the end of a task is said."""

import json

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.settings import Settings
from handrail.cli.outcome import say_end, show_outcome
from handrail.cli.output import Shape
from tests.unit.ledger.told import Story, folded


async def test_the_result_of_a_failed_task_is_a_failure_with_why_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    s = Story("t1")
    failed = folded(s.accepted(), s.dead(sentence="It \x1b[31mraised."))
    bus = InProcessBus(InProcessBroker(lambda: 0))

    assert await show_outcome(Settings(namespace="ns"), bus, failed, Shape.TABLE) == 1

    shown = capsys.readouterr()
    assert shown.out == ""
    first, why, do, *_, last = shown.err.splitlines()
    assert first == "Task t1 failed."
    assert why.startswith("  Why: planner gave up (attempts): It \\x1b[31mraised.")
    assert do.startswith("  Do:  handrail show t1  ")
    assert last == "  HR-TASK-001   handrail runbook HR-TASK-001"


async def test_a_program_reads_the_row_alone_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    s = Story("t1")
    bus = InProcessBus(InProcessBroker(lambda: 0))

    assert await show_outcome(Settings(namespace="ns"), bus, folded(s.rejected()), Shape.JSON) == 1

    shown = capsys.readouterr()
    assert json.loads(shown.out)["items"][0]["state"] == "rejected"
    assert "HR-TASK-002" in shown.err


def test_whoever_watches_a_task_that_goes_on_reads_a_sentence_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    s = Story("t1")

    assert say_end(folded(s.accepted()), Shape.TABLE) == 6

    assert capsys.readouterr().err.startswith("Task t1: ")
