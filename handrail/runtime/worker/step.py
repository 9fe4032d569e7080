"""What a handler awaits: one recorded step, or several side by side.

A step may be awaited in the handler's own asyncio task only, because tasks run in an order that
nobody can repeat; `gather` runs steps side by side in tasks of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from handrail.errors.steps import ForeignTask, StepInvalid

R = TypeVar("R")


class Step(Awaitable[R], Generic[R]):
    """A step that has its number. Awaited, it is carried out; awaited again, it raises."""

    def __init__(
        self,
        shown: str,
        work: Callable[[], Coroutine[Any, Any, R]],
        owner: "asyncio.Task[Any] | None",
    ) -> None:
        """Belong to the task that runs the handler."""
        self.shown = shown
        self._work = work
        self._owner = owner
        self._awaited = False

    def __await__(self) -> Generator[Any, Any, R]:
        """Carry it out. Raises ForeignTask in any task but the handler's own."""
        check_task(self.shown, self._owner)
        return self.begin().__await__()

    def begin(self) -> Coroutine[Any, Any, R]:
        """Give the work, for a task that the context itself has made."""
        if self._awaited:
            raise StepInvalid(
                step=self.shown,
                detail="it was awaited already, and one number stands for one outcome",
                cure="keep its result in a variable, or ask for the step again",
            )
        self._awaited = True
        return self._work()

    def __repr__(self) -> str:
        """Show the call."""
        return f"Step({self.shown})"


def check_task(shown: str, owner: "asyncio.Task[Any] | None") -> None:
    """Raise ForeignTask when the task that runs now is not the handler's own."""
    now = asyncio.current_task()
    if owner is not None and now is not owner:
        raise ForeignTask(step=shown, task=now.get_name() if now is not None else "none")


async def side_by_side(steps: tuple[Step[Any], ...]) -> tuple[Any, ...]:
    """Carry steps out side by side and give their results in order.

    All come to their end, whatever becomes of one of them; then the first error in the order of
    the steps, not of time, is raised, so that it is the same one in every run.
    """
    tasks = [asyncio.create_task(step.begin(), name=f"step {step.shown}") for step in steps]
    try:
        if tasks:
            await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return tuple(ended)
