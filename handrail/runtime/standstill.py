"""Ends a process whose event loop stands still for good, and says where it stands.

Code that computes or waits without giving way stops all of its process: commits, heartbeats, the
other handlers, and the order to end. Its partitions go to the next process, which may meet the same
handoff and stand still as well. A process that ends instead is started again, its end counts as
unclean, and a handoff that does so again and again is set aside as poison. Nothing is lost or
doubled by it; that is what the lanes are for.

A thread watches. It counts its own turns and no time, so that a process that was frozen, or a
machine that slept, has not stood still. Code of C that keeps the interpreter to itself, such as a
regular expression, leaves no turn to a thread: then the interpreter's own watchdog ends the process
somewhat later, and shows all stacks, but no words of ours. That one counts time: a process that was
frozen for longer may be ended as it thaws.
"""

import asyncio
import faulthandler
import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Final

import structlog

from handrail.errors.supervision import StoodStill

log = structlog.get_logger("handrail.process")

TURN_S: Final = 1.0
TOLD_TURNS: Final = 30
ENDED_TURNS: Final = 600
LEFT_TO_C_S: Final = 660.0  #: after the loop's last turn

_LIBRARY: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))


def leave_to_c(seconds: float | None) -> None:
    """Have the interpreter end the process in so long, whatever holds it; None: not any more."""
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


class LoopWatch:
    """Watches the loop that it is started in. Start and stop it in that loop's thread."""

    def __init__(
        self,
        *,
        turn_s: float = TURN_S,
        end: Callable[[int], object] = os._exit,
        later: Callable[[float | None], None] = leave_to_c,
    ) -> None:
        """Watch in turns of so many seconds; `end` is called with the exit code."""
        self._turn_s = turn_s
        self._end = end
        self._later = later
        self._beats = 0
        self._timer: asyncio.TimerHandle | None = None
        self._watched = threading.get_ident()
        self._over = threading.Event()
        self._is_alone = False  #: the interpreter's own watchdog could not be wound up

    def start(self) -> None:
        """Watch from now on."""
        self._watched = threading.get_ident()
        self._beat()
        threading.Thread(target=self._watch, name="loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._later(None)
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._beats += 1
        self._timer = asyncio.get_running_loop().call_later(self._turn_s, self._beat)
        try:
            self._later(LEFT_TO_C_S)
        except RuntimeError as error:
            # It takes a thread, and the machine has none to give. The loop goes round all the same.
            if not self._is_alone:
                log.warning("code of C is not watched for now", why=str(error))
            self._is_alone = True
        else:
            self._is_alone = False

    def _watch(self) -> None:
        beats, turns = self._beats, 0
        while not self._over.wait(self._turn_s):
            beats, turns = self._beats, turns + 1 if self._beats == beats else 0
            if turns == TOLD_TURNS:
                log.warning("the event loop stands still", turns=turns, where=self._where())
            if turns >= ENDED_TURNS:
                stack = "".join(traceback.format_stack(self._frame()))
                told = StoodStill(for_s=round(turns * self._turn_s), where=self._where())
                sys.stderr.write(f"{stack}{told}\n")
                sys.stderr.flush()
                self._end(StoodStill.exit_code)
                return

    def _where(self) -> str:
        return where_it_stands(self._watched)

    def _frame(self) -> FrameType | None:
        return _frame_of(self._watched)


def where_it_stands(thread: int | None) -> str:
    """Name the innermost place of a thread that is no library's."""
    frame = _frame_of(thread)
    if frame is None:
        return "(nowhere)"
    stack = traceback.extract_stack(frame)
    own = [one for one in stack if not one.filename.startswith(_LIBRARY)]
    at = (own or stack)[-1]
    return f"{at.filename}:{at.lineno} in {at.name}"


def _frame_of(thread: int | None) -> FrameType | None:
    # Documented for debuggers, and the only way to see the stack of another thread.
    return sys._current_frames().get(thread or 0)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
