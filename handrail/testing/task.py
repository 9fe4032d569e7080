"""A task in the hands of a test: what it waits for, and what it left behind."""

from typing import Any, Protocol, TypeVar, overload

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.contract.topic import Topic
from handrail.errors import StillRunning
from handrail.ledger.task_record import decode_end
from handrail.ledger.task_state import TaskState
from handrail.runtime.task_handle import Task
from handrail.runtime.worker.packing import BLOBS, fetch_body
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import DeadLetter

M = TypeVar("M")
R = TypeVar("R")


class TaskGround(Protocol):
    """What a task needs of its team."""

    @property
    def patience_s(self) -> float:
        """How long a test waits for what should happen at once, in real seconds."""
        ...

    @property
    def bus(self) -> Bus:
        """A connection of the test's own."""
        ...

    @property
    def agents(self) -> tuple[Agent[..., Any], ...]:
        """The team."""
        ...

    def full(self, topic: str) -> str:
        """The name of a topic as the broker knows it."""
        ...

    def check(self) -> None:
        """Raise UnscriptedError when something was asked that the test has not planned."""
        ...

    def in_words(self) -> str:
        """What every process is doing."""
        ...


class TeamTask:
    """A task of a team under test. Whatever waits here gives up with words after some seconds."""

    def __init__(self, team: TaskGround, task: Task) -> None:
        """Wrap the task that a client would have."""
        self._team = team
        self.task = task

    def __repr__(self) -> str:
        """Show the id."""
        return repr(self.task)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def reference(self) -> str | None:
        """The caller's own name for it."""
        return self.task.reference

    async def state(self) -> str:
        """Give its state now, in one of A2A's eight words."""
        return (await self.task.state()).value

    async def until(self, state: str) -> None:
        """Wait until it is in this state. Raises AssertionError when it ends in another one."""
        wanted = TaskState(state)
        found = await self._wait(wanted)
        if found is not wanted:
            why = await self.task.explanation()
            message = f"the task is {found.value}, not {state}: {why}\n{self._team.in_words()}"
            raise AssertionError(message)

    @overload
    async def result(self, returns: None = None) -> Any: ...  # noqa: ANN401 - plain JSON values
    @overload
    async def result(self, returns: type[R]) -> R: ...

    async def result(self, returns: Any = None) -> Any:
        """Give its result as `Task.result` does; raises TaskFailed and the like."""
        await self._wait()
        return await self.task.result(returns)

    async def cancel(self, reason: str = "") -> None:
        """Ask that it stop, as `Task.cancel` does."""
        await self.task.cancel(reason)

    async def output(self, topic: Topic[M, Any]) -> list[M]:
        """Give what this task left on a topic, once it has ended or waits for a person."""
        await self._wait()
        messages: list[tuple[int, M]] = []
        inboxes = [self._team.full(name) for name in topic.inboxes]
        for record in [one for name in inboxes for one in await read_all(self._team.bus, name)]:
            if record.header("ce_taskid") != self.id.encode() or decode_end(record):
                continue
            body = await fetch_body(self._team.bus, self._team.full(BLOBS), record)
            type_name = (record.header("ce_type") or b"").decode()
            messages.append((record.timestamp_ms, topic.decode(type_name, body)))
        return [message for _, message in sorted(messages, key=lambda one: one[0])]

    async def dead_letters(self) -> list[DeadLetter]:
        """Give its handoffs that will not be tried again, once it has ended or waits."""
        await self._wait()
        found: list[DeadLetter] = []
        for name in [lanes for agent in self._team.agents for lanes in agent.lanes]:
            for record in await read_all(self._team.bus, self._team.full(f"{name}.dead")):
                letter = DeadLetter.from_record(record)
                if ("ce_taskid", self.id.encode()) in letter.headers:
                    found.append(letter)
        return found

    async def _wait(self, *states: TaskState) -> TaskState:
        try:
            found = await self.task.wait(*states, timeout_s=self._team.patience_s)
        except StillRunning as late:
            self._team.check()
            message = (
                f"nothing more happened to the task for {self._team.patience_s:g} s: {late.why}\n"
                f"{self._team.in_words()}\n"
                "Time stands still here: what waits for it goes on by `await team.advance(…)`."
            )
            raise AssertionError(message) from None
        self._team.check()
        return found
