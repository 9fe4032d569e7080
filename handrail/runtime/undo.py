"""Takes back what a task has done: an agent of the engine's own, and what people ask it by.

A team in which a tool names an undo has an agent `undoer`. It reads on the ledger what was done,
and calls the undo of each act, the newest first, like any handler calls a tool: judged by the
gateway, recorded, once across kills. Guarantees: an act is marked as undone in the transaction of
its undo's outcome, and what is marked is never undone again; where one fails, nothing older is
touched before a person has said how to go on.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel

from handrail.bus.port import Bus
from handrail.contract.agent import Agent, agent
from handrail.contract.context import Context
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.contract.topic import Topic, results
from handrail.contract.undo import undo_arguments
from handrail.errors import TaskUnknown, UndoRefused
from handrail.ledger.event import Event
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.ledger.undo_event import ActDone, ActUndone, UndoFailed
from handrail.runtime.settling import SettlingGround
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.undoable import note
from handrail.wire.label import Integrity
from handrail.wire.record import TopicPartition
from handrail.wire.rfc3339 import rfc3339

if TYPE_CHECKING:
    from handrail.runtime.client import Client
    from handrail.runtime.task_handle import Task

UNDOER, AGAIN, BY_HAND, LEAVE = "undoer", "again", "by hand", "leave"
UNDO_FAILED: Final = State.UNDO_FAILED.value
TRIES_MAX: Final = 16  #: how often a person lets one undo be tried
LINES_MAX: Final = 20  #: of acts that a question to a person lists


class UndoOrder(BaseModel):
    """The task whose acts are to be taken back."""

    task: str


class NotUndone(BaseModel):
    """An act that stays as it is, and why."""

    act: str
    why: str
    state: State = State.UNDO_FAILED


class UndoReport(BaseModel):
    """What became of the acts of a task."""

    task: str
    undone: list[str]
    left: list[NotUndone]


UNDO: Final = Topic("undo", carries=UndoOrder, purpose="tasks whose acts are to be taken back")


class Done(BaseModel):
    """An act of a task that can be taken back and was not yet."""

    act: str
    tool: str
    text: str
    undo: str
    tenant: str
    arguments: dict[str, Any]
    result: Any
    until_ms: int | None
    cannot: str = ""

    def refused(self, now_ms: int) -> str | None:
        """Say why it cannot be taken back, or not any more; None when it can."""
        if self.cannot:
            return self.cannot
        if self.until_ms is None or now_ms <= self.until_ms:
            return None
        return f"it could be taken back until {rfc3339(self.until_ms)}, and no later"


def left_of(events: Iterable[Event]) -> list[Done]:
    """Give what was done and is not undone, of the events of a task; the newest first."""
    done: dict[str, ActDone] = {}
    undone: set[str] = set()
    for event in events:
        if isinstance(event, ActDone):
            done.setdefault(event.act, event)
        elif isinstance(event, ActUndone):
            undone.add(event.act)
    return [
        Done(
            act=one.act,
            tool=one.tool,
            text=one.text,
            undo=one.undo,
            tenant=one.tenant,
            arguments=orjson.loads(one.arguments),
            result=orjson.loads(one.result),
            until_ms=one.until_ms,
            cannot=one.cannot,
        )
        for act, one in reversed(done.items())
        if act not in undone
    ]


async def acts_of(bus: Bus, namespace: str, task: str) -> list[Done]:
    """Read what a task has done and is not undone, from its partition of the ledger."""
    topic, key = f"{namespace}.{LEDGER}", task.encode()
    where = TopicPartition(topic, await bus.partition_of(topic, key))
    events: list[Event] = []
    begin, end = await bus.begin_offset(where), await bus.end_offset(where)
    async for record in bus.fetch(where, begin, end):
        event = decode(record) if record.key == key else None
        if event is not None and not isinstance(event, UnknownEvent):
            events.append(event)
    return left_of(events)


def undoers(tools: Iterable[Tool[..., Any]]) -> list[Agent[..., Any]]:
    """Give the agent that takes acts back, for a team that has a tool with an undo."""
    known = {tool.name: tool for tool in tools}
    return [_undoer(known)] if any(tool.terms.undo for tool in known.values()) else []


def _undoer(tools: Mapping[str, Tool[..., Any]]) -> Agent[..., Any]:
    @agent(reads=UNDO, writes=results, name=UNDOER)
    async def undoer(order: UndoOrder, ctx: Context) -> UndoReport:
        """Take back what a task has done, the newest first."""
        assert isinstance(ctx, RunContext), "it runs in a lane"
        return await _Undoing(tools, order.task, ctx).all()

    return undoer


@dataclass(slots=True)
class _Undoing:
    """One undoing of a task."""

    tools: Mapping[str, Tool[..., Any]]
    task: str
    ctx: RunContext
    report: UndoReport = field(init=False)

    async def all(self) -> UndoReport:
        """Take back one act after the other, until all are or a person says that it is enough."""
        self.report = UndoReport(task=self.task, undone=[], left=[])
        worker = self.ctx.steps.ground.worker

        async def acts(task: str) -> list[Done]:
            return await acts_of(worker.bus, worker.team.namespace, task)

        read = self.ctx.step(
            acts, self.task, effect=Effect.READ, name="undo.acts", gives=Integrity.INTERNAL
        )
        left = await read
        while left:
            why = await self._one(left)
            if why is not None:
                self.report.left = [NotUndone(act=left[0].text, why=why)] + [
                    NotUndone(act=one.text, why="it was done before the one that failed")
                    for one in left[1:]
                ]
                break
            self.report.undone.append(left.pop(0).text)
        return self.report

    async def _one(self, left: Sequence[Done]) -> str | None:
        """Take the newest act back, or have a person say what became of it; else say why not."""
        act, why = left[0], ""
        for tries in range(1, TRIES_MAX + 1):
            failed = await self._tried(act)
            if failed is None:
                return None
            why = failed
            said = await self._page(left, why, tries)
            if said == BY_HAND:
                await self._note("u1", BY_HAND, self._undone(act, by_hand=True))
                return None
            if said == LEAVE:
                break
        return why

    async def _tried(self, act: Done) -> str | None:
        ctx, undo = self.ctx, self.tools.get(act.undo)
        if (late := act.refused(round(ctx.now().timestamp() * 1000))) is not None:
            return late
        if undo is None:
            return f"the team has no tool {act.undo} any more"
        if act.tenant != ctx.tenant:
            return "it was done for another tenant"
        arguments = undo_arguments(undo, act.arguments, act.result)
        try:
            await ctx.call(self._marked(undo, act), **arguments)
        except Refused as refused:
            return f"{refused.detail.rstrip('.')}. {refused.remedy}"
        except Exception as error:  # noqa: BLE001 - whatever a tool of the team raises is told
            # What has to stop the run stops it at its next step, whatever is caught here.
            return f"{act.undo} failed: {type(error).__name__}: {error}"
        return None

    def _marked(self, tool: Tool[..., Any], act: Done) -> Tool[..., Any]:
        """Give a tool whose outcome says on the ledger that an act is undone."""
        marked = copy.copy(tool)
        marked.told = lambda: self._undone(act, by_hand=False)
        return marked

    def _undone(self, act: Done, *, by_hand: bool) -> ActUndone:
        return ActUndone(
            task_id=self.task,
            tenant=self.ctx.tenant,
            time_ms=self.ctx.steps.now_ms(),
            act=act.act,
            undo_task=self.ctx.task_id,
            by="a person" if by_hand else UNDOER,
            by_hand=by_hand,
        )

    async def _note(self, letter: str, what: str, event: Event) -> None:
        """Tell the ledger beside the last step that was asked for."""
        steps = self.ctx.steps
        await note(steps, f"{steps.errors.steps_asked}.{letter}", what, lambda: [event])

    async def _page(self, left: Sequence[Done], why: str, tries: int) -> str:
        """Tell the ledger and ask a person, with everything that is left."""
        failed = UndoFailed(
            task_id=self.task,
            tenant=self.ctx.tenant,
            time_ms=self.ctx.steps.now_ms(),
            act=left[0].act,
            undo_task=self.ctx.task_id,
            step=str(tries),
            sentence=why[:500],
        )
        await self._note("u0", UNDO_FAILED, failed)
        lines = [f"{number}. {one.text}" for number, one in enumerate(left[:LINES_MAX], 1)]
        if len(left) > LINES_MAX:
            lines.append(f"… and {len(left) - LINES_MAX} older ones")
        choices = [AGAIN, BY_HAND, LEAVE] if tries < TRIES_MAX else [BY_HAND, LEAVE]
        text = (
            f"{left[0].text} was not taken back: {why} Left of task {self.task}, the newest first:"
            f" {'; '.join(lines)}. `{AGAIN}` tries it again, `{BY_HAND}` says that you have taken"
            f" the first back yourselves, `{LEAVE}` leaves all of them as they are."
        )
        return str(await self.ctx.ask_person(text, returns=str, choices=choices))


@dataclass(frozen=True, slots=True)
class Undo:
    """What is to be taken back of a task, and the task that does it; None for a dry run."""

    acts: Sequence[Done]  #: the newest first
    task: "Task | None"


async def undo_task(
    client: "Client", wanted: "Task | str", ground: SettlingGround, *, dry_run: bool
) -> Undo:
    """Have what a task has done taken back. Raises TaskUnknown and UndoRefused."""
    task = await client.task(wanted) if isinstance(wanted, str) else wanted
    facts = await task.facts()
    if facts is None or not facts.ended:
        reason, cure = "it has not ended.", f"handrail cancel {task.id}    stops it first"
        raise UndoRefused(task=task.id, reason=reason, cure=cure)
    acts = await acts_of(ground.bus, ground.namespace, task.id)
    show = f"handrail show {task.id}    what it has done"
    if not acts:
        reason = "nothing that it has done has an undo, or all of it is undone."
        raise UndoRefused(task=task.id, reason=reason, cure=show)
    now_ms = ground.clock.now_ms()
    # What is too large to be undone is for a person, who is asked when its turn has come.
    late = [
        (one, why) for one in acts if not one.cannot and (why := one.refused(now_ms)) is not None
    ]
    if late:
        one, why = late[0]
        raise UndoRefused(task=task.id, reason=f"{one.text}: {why}.", cure=show)
    if dry_run:
        return Undo(acts, None)
    for number in range(1, 1_000):
        reference = f"undo/{task.id}/{number}"
        try:
            earlier = await client.task(reference)
        except TaskUnknown:
            return Undo(
                acts, await client.submit(UNDO, UndoOrder(task=task.id), reference=reference)
            )
        known = await earlier.facts()
        if known is None or not known.ended:
            return Undo(acts, earlier)
    raise UndoRefused(task=task.id, reason="it was tried a thousand times.", cure=show)
