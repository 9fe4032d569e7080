"""What a lane is doing, in the words that people see, and how a task of it is ended for good."""

import asyncio
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from typing import Any


class LaneState(StrEnum):
    """What a lane is doing, in the words that people see."""

    OPENING = "opening"  #: fencing the predecessor and reading the journal
    OPEN = "open"  #: carrying out handoffs
    SUSPENDED = "suspended"  #: the group is rearranging itself; handlers go on, nothing commits
    GIVEN_UP = "given up"  #: somebody else owns the partition; waits for the next assignment
    STOPPED = "stopped"  #: going on could lose or repeat work; a person has to look
    CLOSED = "closed"  #: this process has let go of it


async def end_task(task: "asyncio.Task[Any] | None") -> None:
    """Cancel a task and wait until it has let go of everything."""
    if task is None or task is asyncio.current_task():
        return
    task.cancel()
    # Not gather: were we cancelled too, it would cancel the task again, in the middle of its end.
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # whoever ends a task has no use for how it failed


async def to_its_end(work: "Coroutine[Any, Any, None]") -> None:
    """Do it whole, also when whoever waits for it is cancelled meanwhile: that comes out after it.

    A lane that is let go because of an error may be told at that moment that its partition has
    moved; what it has in hand is passed on all the same.
    """
    task = asyncio.create_task(work)
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            was_cancelled = True
    task.result()
    if was_cancelled:
        raise asyncio.CancelledError


async def first_end(tasks: Sequence["asyncio.Future[None]"]) -> None:
    """Wait for the first that ends, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
