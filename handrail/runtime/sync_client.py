"""The client without `await`, for scripts and notebooks.

It runs an event loop in a thread of its own, so it also works where one runs already, as in
Jupyter. Calls block the calling thread; any thread may call. Ctrl-C ends the waiting, not the task.
"""

# ruff: noqa: ANN401 - a result is whatever type the caller names.

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from handrail.contract.topic import Topic
from handrail.ledger.task_state import TaskState
from handrail.runtime.people import Answered
from handrail.runtime.settling import SettledLetter
from handrail.runtime.submitting import Asking, Submitting
from handrail.runtime.task_handle import Task

if TYPE_CHECKING:
    from handrail.runtime.client import Client
    from handrail.runtime.undo import Undo

R = TypeVar("R")
T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread until it is closed."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="handrail client", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and give what it gives; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End loop and thread."""
        # In its own thread: where a loop runs already, as in a notebook, no second one may run.
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncTask:
    """A task; see `Task`. Every method blocks."""

    def __init__(self, task: Task, loop: LoopThread) -> None:
        """Wrap a task of the client in that loop."""
        self.handle = task  #: the task of the client behind this one
        self._loop = loop

    def __repr__(self) -> str:
        """Show the id."""
        return repr(self.handle)

    @property
    def id(self) -> str:
        """The task's id; the same for the same reference."""
        return self.handle.id

    @property
    def reference(self) -> str | None:
        """The caller's own name for the task, if it has one."""
        return self.handle.reference

    def state(self) -> TaskState:
        """Give its state as of now."""
        return self._loop.run(self.handle.state())

    def explanation(self) -> str:
        """Say in one sentence why it is in its state."""
        return self._loop.run(self.handle.explanation())

    def wait(self, *states: TaskState, timeout_s: float | None = None) -> TaskState:
        """Wait until it is in one of these states or has ended; see `Task.wait`."""
        return self._loop.run(self.handle.wait(*states, timeout_s=timeout_s))

    def cancel(self, reason: str = "") -> None:
        """Ask that it stop, and return once that is written; see `Task.cancel`."""
        self._loop.run(self.handle.cancel(reason))

    @overload
    def result(self, returns: None = None, timeout_s: float | None = None) -> Any: ...
    @overload
    def result(self, returns: type[R], timeout_s: float | None = None) -> R: ...

    def result(self, returns: Any = None, timeout_s: float | None = None) -> Any:
        """Wait until it has ended and give its result; raises as `Task.result` does."""
        return self._loop.run(self.handle.result(returns, timeout_s))


class SyncClient(Submitting[SyncTask]):
    """A client whose methods block: `with Client.sync() as hr: task = hr.submit(…)`."""

    def __init__(self, client: "Client") -> None:
        """Wrap a client that was not entered yet."""
        self._client = client
        self._loop: LoopThread | None = None

    def __enter__(self) -> Self:
        """Start the loop and connect; raises as entering `Client` does."""
        self._loop = LoopThread()
        try:
            self._loop.run(self._client.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back connection, loop and thread; tasks go on without us."""
        loop = self._running()
        try:
            loop.run(self._client.__aexit__(kind, error, trace))
        finally:
            self._loop = None
            loop.close()

    @property
    def asked_by(self) -> str:
        """The person whose rights count for what is submitted; see `Client`."""
        return self._client.asked_by

    def _submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        asking: Asking,
    ) -> SyncTask:
        loop = self._running()
        return SyncTask(loop.run(self._client.hand_in(topic, message, asking)), loop)

    def task(self, id_or_reference: str) -> SyncTask:
        """Give a task that somebody has submitted; raises TaskUnknown."""
        loop = self._running()
        return SyncTask(loop.run(self._client.task(id_or_reference)), loop)

    def cancel(self, task: SyncTask | str, reason: str = "") -> None:
        """Ask that a task stop, by its reference, its id or itself; see `Client.cancel`."""
        found = self.task(task) if isinstance(task, str) else task
        found.cancel(reason)

    def pause(
        self, *, agent: str | None = None, tenant: str | None = None, reason: str = ""
    ) -> None:
        """Let an agent, or all work for a tenant, begin nothing; see `Client.pause`."""
        self._running().run(self._client.pause(agent=agent, tenant=tenant, reason=reason))

    def drain(
        self, *, agent: str | None = None, tenant: str | None = None, reason: str = ""
    ) -> None:
        """Let an agent, or a tenant, begin no handoff; see `Client.drain`."""
        self._running().run(self._client.drain(agent=agent, tenant=tenant, reason=reason))

    def resume(self, *, agent: str | None = None, tenant: str | None = None) -> None:
        """Let go on what was paused or drained; see `Client.resume`."""
        self._running().run(self._client.resume(agent=agent, tenant=tenant))

    def answer(
        self, task: SyncTask | str, value: object, *, step: str | None = None, by: str | None = None
    ) -> Answered | None:
        """Answer what a task asks of a person; see `Client.answer`."""
        loop = self._running()
        named = task.id if isinstance(task, SyncTask) else task
        return loop.run(self._client.answer(named, value, step=step, by=by))

    def approve(
        self,
        task: SyncTask | str,
        *,
        step: str | None = None,
        by: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        for_task: bool | int = False,
    ) -> Answered | None:
        """Approve the act that a task waits for; see `Client.approve`."""
        loop, named = self._running(), task if isinstance(task, str) else task.handle
        asked = self._client.approve(
            named, step=step, by=by, arguments=arguments, for_task=for_task
        )
        return loop.run(asked)

    def deny(
        self,
        task: SyncTask | str,
        *,
        reason: str = "",
        step: str | None = None,
        by: str | None = None,
    ) -> Answered | None:
        """Refuse the act that a task waits for; see `Client.deny`."""
        loop, named = self._running(), task if isinstance(task, str) else task.handle
        return loop.run(self._client.deny(named, reason=reason, step=step, by=by))

    def redrive(
        self,
        task: SyncTask | str,
        *,
        letter: str | None = None,
        from_step: int | None = None,
        edit: object = None,
        by: str | None = None,
    ) -> list[SettledLetter]:
        """Send the open dead letters of a task back; see `Client.redrive`."""
        loop, named = self._running(), task if isinstance(task, str) else task.handle
        asked = self._client.redrive(named, letter=letter, from_step=from_step, edit=edit, by=by)
        return loop.run(asked)

    def discard(
        self, task: SyncTask | str, why: str, *, letter: str | None = None, by: str | None = None
    ) -> list[SettledLetter]:
        """Give the open dead letters of a task up for good; see `Client.discard`."""
        loop, named = self._running(), task if isinstance(task, str) else task.handle
        return loop.run(self._client.discard(named, why, letter=letter, by=by))

    def undo(self, task: SyncTask | str, *, dry_run: bool = False) -> "Undo":
        """Have what a task has done taken back; see `Client.undo`."""
        named = task if isinstance(task, str) else task.handle
        return self._running().run(self._client.undo(named, dry_run=dry_run))

    def _running(self) -> LoopThread:
        assert self._loop is not None, "use it as `with Client.sync() as hr:`"
        return self._loop
