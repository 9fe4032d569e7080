"""How a program answers and decides in place of a person, the same for every client.

What is given back is what the lane took, which is somebody else's if that came first.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from handrail.bus.port import Bus
from handrail.contract.for_task import CALLS_COUNT_DEFAULT
from handrail.errors import RequestUnknown
from handrail.ledger.event import RequestKind
from handrail.runtime.approvals import approval_of, denial_of
from handrail.runtime.cancel import who
from handrail.runtime.clock import Clock
from handrail.runtime.people import Answered, checked, give_answer, one_request, taken
from handrail.runtime.task_handle import Task
from handrail.wire.human import HUMAN, Request


class Deciding(ABC):
    """What a client does as the person whom a task asks.

    Each gives what the lane took; None when no lane has taken anything within 15 s: it will once
    its agent runs. Raises TaskUnknown, RequestUnknown when nothing of the kind waits, AnswerRefused
    for what is no answer, and DecisionNotTaken when the lane says that this one does not count.
    """

    @property
    @abstractmethod
    def bus(self) -> Bus:
        """The connection."""

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """The time it lives by."""

    @property
    @abstractmethod
    def namespace(self) -> str:
        """First part of the name of every topic."""

    @abstractmethod
    async def task(self, id_or_reference: str) -> Task:
        """Give a task that somebody has submitted."""

    @abstractmethod
    async def require(self, *names: str) -> None:
        """Raise TopicsMissing for a topic that the broker does not have."""

    async def answer(
        self, task: Task | str, value: object, *, step: str | None = None, by: str | None = None
    ) -> Answered | None:
        """Answer what a task asks of a person; `step` says which question if there are several."""
        wanted = (task, step, RequestKind.QUESTION)
        return await self._give(wanted, partial(checked, value=value), by)

    async def approve(
        self,
        task: Task | str,
        *,
        step: str | None = None,
        by: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        for_task: bool | int = False,
    ) -> Answered | None:
        """Approve the act that a task waits for, with changed arguments if any are given.

        With `for_task` that many further calls like it, 10 for True, go on without asking: of the
        same tool, by the same handoff, under the same rules, until the request would have expired,
        with the same arguments but for those that the contract of the tool calls free.
        """
        decision = partial(approval_of, arguments=arguments, for_task=further_calls(for_task))
        return await self._give((task, step, RequestKind.APPROVAL), decision, by)

    async def deny(
        self, task: Task | str, *, reason: str = "", step: str | None = None, by: str | None = None
    ) -> Answered | None:
        """Refuse the act that a task waits for; its handler is told the reason.

        No further call of that tool goes on by an approval that was given before to its handoff.
        """
        decision = partial(denial_of, reason=reason)
        return await self._give((task, step, RequestKind.APPROVAL), decision, by)

    async def _give(
        self,
        wanted: tuple[Task | str, str | None, RequestKind],
        decision: Callable[[Request], bytes],
        by: str | None,
    ) -> Answered | None:
        task, step, kind = wanted
        found = await self.task(task) if isinstance(task, str) else task
        facts = await found.facts()
        await self.require(HUMAN)
        if facts is None:
            raise RequestUnknown(wanted=f"task {found.id}", reason="no agent has taken it yet.")
        request = await one_request(self.bus, self.namespace, facts, step, kind)
        data, now_ms = decision(request), self.clock.now_ms()
        answer = await give_answer(self.bus, self.namespace, request, data, by or who(), now_ms)
        return await taken(self.bus, self.namespace, answer)


def further_calls(for_task: bool | int) -> int | None:  # noqa: FBT001 - a number, or the usual one
    """Give how many further calls are meant; None for none."""
    if for_task is True:
        return CALLS_COUNT_DEFAULT
    return None if for_task is False else for_task
