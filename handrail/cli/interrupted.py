"""Runs what a person waits for, so that Ctrl-C ends the waiting.

A library that is closing something may take the cancellation for one of its own and go on: then
nothing would end. Guarantee: what still runs some seconds after Ctrl-C is cancelled again, until it
ends. A second Ctrl-C does so at once.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from threading import current_thread, main_thread
from typing import Any, TypeVar

R = TypeVar("R")

AGAIN_AFTER_S = 3.0  #: longer than closing what is open takes, as a rule


def run_until_interrupted(
    work: Coroutine[Any, Any, R], *, again_after_s: float = AGAIN_AFTER_S
) -> R:
    """Run it to its end. Raises KeyboardInterrupt when Ctrl-C ended it."""
    interrupted = False

    async def main() -> R:
        nonlocal interrupted
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            if not task.done():
                task.cancel()
                loop.call_later(again_after_s, interrupt)

        # Elsewhere asyncio cancels once, which is what there is.
        hears_signals = sys.platform != "win32" and current_thread() is main_thread()
        if hears_signals:
            loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            return await work
        finally:
            if hears_signals:
                loop.remove_signal_handler(signal.SIGINT)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
