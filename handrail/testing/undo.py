"""What a test does to have a task of its team undone."""

from typing import Protocol

from handrail.runtime.client import Client
from handrail.testing.task import TaskGround, TeamTask


class UndoGround(TaskGround, Protocol):
    """What is needed of the team of the task."""

    @property
    def client(self) -> Client:
        """The client of the test."""
        ...


class UndoHands:
    """What a test does about what its tasks have done."""

    async def undo(self: UndoGround, task: TeamTask) -> TeamTask:
        """Have what a task has done taken back; gives the task that does it."""
        asked = await self.client.undo(task.task)
        assert asked.task is not None, "it is no dry run"
        return TeamTask(self, asked.task)
