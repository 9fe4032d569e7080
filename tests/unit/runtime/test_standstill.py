"""The watch over an event loop, in turns of some milliseconds."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from handrail.errors.supervision import StoodStill
from handrail.runtime.standstill import ENDED_TURNS, LEFT_TO_C_S, LoopWatch
from tests.waiting import until

TURN_S = 0.001


def leaves_it(seconds: float | None) -> None:
    del seconds


class Ended:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.told = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.told.set()


def computes_until(over: Callable[[], bool]) -> None:
    while not over():
        time.monotonic()


async def test_a_loop_that_stands_still_ends_its_process_and_names_the_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = Ended()
    watch = LoopWatch(turn_s=TURN_S, end=ended, later=leaves_it)
    watch.start()

    computes_until(ended.told.is_set)
    watch.stop()

    assert ended.codes == [StoodStill.exit_code]
    told = capsys.readouterr().err
    assert f"in {computes_until.__name__}" in told
    assert "asyncio.to_thread" in told
    assert StoodStill.code in told


async def test_a_loop_that_goes_round_is_left_alone_however_long_it_runs() -> None:
    ended, beats = Ended(), list[float | None]()
    watch = LoopWatch(turn_s=TURN_S, end=ended, later=beats.append)
    watch.start()

    await until(lambda: len(beats) > 2 * ENDED_TURNS)
    watch.stop()

    assert ended.codes == []


async def test_what_keeps_the_interpreter_to_itself_is_left_to_its_own_watchdog() -> None:
    asked: list[float | None] = []
    watch = LoopWatch(turn_s=TURN_S, end=Ended(), later=asked.append)
    watch.start()

    await until(lambda: len(asked) >= 3)
    watch.stop()

    assert set(asked[:-1]) == {LEFT_TO_C_S}
    assert asked[-1] is None


def test_that_watchdog_ends_a_process_whose_code_of_c_gives_nobody_a_turn() -> None:
    stuck = (
        "import re\n"
        "from handrail.runtime.standstill import leave_to_c\n"
        "leave_to_c(0.2)\n"
        "re.match('(a+)+$', 'a' * 60 + 'b')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", stuck], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "in match" in done.stderr


async def test_a_loop_goes_on_being_seen_where_the_machine_has_no_thread_for_that_watchdog() -> (
    None
):
    asked: list[float | None] = []

    def has_none(seconds: float | None) -> None:
        asked.append(seconds)
        if seconds is not None:
            raise RuntimeError("unable to start watchdog thread")

    ended = Ended()
    watch = LoopWatch(turn_s=TURN_S, end=ended, later=has_none)
    watch.start()

    await until(lambda: len(asked) > 2 * ENDED_TURNS)
    watch.stop()

    assert ended.codes == []
