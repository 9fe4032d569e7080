"""The person in a test who answers what a handler asks."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from handrail.bus.port import Bus
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.ledger.event import RequestKind
from handrail.runtime.approvals import approval_of, denial_of
from handrail.runtime.deciding import further_calls
from handrail.runtime.people import Answered, checked, give_answer, one_request, taken
from handrail.testing.clock import VirtualClock
from handrail.testing.member import POLL_S
from handrail.testing.task import TeamTask
from handrail.wire.human import Request

LOOK_S = 1.0  #: how long one look is given, in real seconds


class Answering(Protocol):
    """What is needed of the team of the task."""

    @property
    def bus(self) -> Bus:
        """A connection of the test's own."""
        ...

    @property
    def namespace(self) -> str:
        """First part of the name of every topic."""
        ...

    @property
    def clock(self) -> VirtualClock:
        """The clock that `advance` moves."""
        ...

    @property
    def patience_s(self) -> float:
        """How long a test waits for what should happen at once, in real seconds."""
        ...

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move time on."""
        ...

    def check(self) -> None:
        """Raise what was asked and not planned, or what ended a process."""
        ...

    def in_words(self) -> str:
        """Say what every process is doing."""
        ...


class PersonHands:
    """What a test does as the person whom a team asks."""

    async def answer(
        self: Answering,
        task: TeamTask,
        value: object,
        *,
        step: str | None = None,
        by: str = "a test",
    ) -> Answered:
        """Answer what a task asks of a person, and return once its lane has taken an answer."""
        return await answer_task(self, task, value, step=step, by=by)

    async def approve(
        self: Answering,
        task: TeamTask,
        *,
        by: str = "an approver",
        step: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        for_task: bool | int = False,
    ) -> Answered:
        """Approve the act that a task waits for, with changed arguments if any are given.

        With `for_task` that many further calls like it, 10 for True, go on without asking; see
        `Client.approve`. Returns once its lane has taken the decision. Raises AnswerRefused for
        arguments that the tool does not take.
        """
        further = further_calls(for_task)
        approve = partial(approval_of, arguments=arguments, for_task=further)
        return await decide_task(self, task, approve, step=step, by=by)

    async def deny(
        self: Answering,
        task: TeamTask,
        *,
        reason: str = "",
        by: str = "an approver",
        step: str | None = None,
    ) -> Answered:
        """Refuse the act that a task waits for; its handler is told the reason."""
        return await decide_task(self, task, partial(denial_of, reason=reason), step=step, by=by)


async def answer_task(
    team: Answering, task: TeamTask, value: object, *, step: str | None, by: str
) -> Answered:
    """Answer a question of a task, and return once its lane has taken an answer."""
    request = await _request(team, task, step, RequestKind.QUESTION)
    return await _give(team, task, request, checked(request, value), by)


async def decide_task(
    team: Answering,
    task: TeamTask,
    decision: Callable[[Request], bytes],
    *,
    step: str | None,
    by: str,
) -> Answered:
    """Decide on an act of a task, and return once its lane has taken a decision."""
    request = await _request(team, task, step, RequestKind.APPROVAL)
    return await _give(team, task, request, decision(request), by)


async def _request(team: Answering, task: TeamTask, step: str | None, kind: RequestKind) -> Request:
    facts = await task.task.facts()
    assert facts is not None, f"{task} asks nothing of a person: no agent has taken it"
    return await one_request(team.bus, team.namespace, facts, step, kind)


async def _give(
    team: Answering, task: TeamTask, request: Request, value: bytes, by: str
) -> Answered:
    bus, namespace = team.bus, team.namespace
    answer = await give_answer(bus, namespace, request, value, by, team.clock.now_ms())
    loop = asyncio.get_running_loop()
    found, over_s = None, loop.time() + team.patience_s
    while found is None and loop.time() < over_s:
        # A lane looks when time passes; on Kafka the answer may arrive after its first look.
        await team.advance(seconds=TIMER_RESOLUTION_S)
        found = await taken(bus, namespace, answer, within_s=LOOK_S)
    team.check()
    if found is None:
        message = f"the answer to {task} was not taken:\n{team.in_words()}"
        raise AssertionError(message)
    async with asyncio.timeout(team.patience_s):
        while await _is_open(task, request.id):
            team.check()
            await asyncio.sleep(POLL_S)
    return found


async def _is_open(task: TeamTask, request: str) -> bool:
    facts = await task.task.facts()
    return facts is not None and any(one.id == request for one in facts.requests)
