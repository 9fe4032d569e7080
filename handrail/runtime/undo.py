"""Takes back what a task has done: an agent of the engine's own, and what people ask it by.

A team in which a tool names an undo has an agent `undoer`. It reads on the ledger what was done,
and calls the undo of each act, the newest first, like any handler calls a tool: judged by the
gateway, recorded, once across kills. Guarantees: an act is marked as undone in the transaction of
its undo's outcome, and what is marked is never undone again; whoever begins to undo an act claims
it in the transaction of that intent, and what another undo has begun without a known end is taken
back by the same key or by the word of a person, never blindly; where one fails, nothing older is
touched before a person has said how to go on.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from handrail.contract.agent import Agent, agent
from handrail.contract.context import Context
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.contract.topic import Topic, results
from handrail.contract.undo import undo_arguments
from handrail.errors import TaskUnknown, UndoRefused
from handrail.lane.begun import may_have_acted_before
from handrail.lane.recorded_anew import MAY_HAVE_HAPPENED
from handrail.lane.steps import Asked
from handrail.ledger.event import Event
from handrail.ledger.taking_back import Claim, Done, Marks
from handrail.ledger.undo_event import UndoFailed
from handrail.runtime.acts_of_task import MarksOf, read_acts
from handrail.runtime.acts_packed import Pace, PackedAct, Unpacked, pack, unpack
from handrail.runtime.settling import SettlingGround
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.digest import call_in_words, digest_of
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.taking_back import TakingBack, doubt_in_words, known_by_key
from handrail.runtime.worker.undoable import name_of, note
from handrail.wire.label import Integrity, Label, label_of

if TYPE_CHECKING:
    from handrail.runtime.client import Client
    from handrail.runtime.task_handle import Task

UNDOER, AGAIN, BY_HAND, LEAVE = "undoer", "again", "by hand", "leave"
LISTED: Final = "undo.acts"  #: the step that reads them
UNDO_FAILED: Final = State.UNDO_FAILED.value
TRIES_MAX: Final = 16  #: how often a person lets one undo be tried
LINES_MAX: Final = 20  #: of acts that a question to a person lists


class UndoOrder(BaseModel):
    """The task whose acts are to be taken back."""

    task: str
    since_ms: int | None = None  #: when it was submitted; spares reading what is older


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


def undoers(tools: Iterable[Tool[..., Any]]) -> list[Agent[..., Any]]:
    """Give the agent that takes acts back, for a team that has a tool with an undo."""
    known = {tool.name: tool for tool in tools}
    return [_undoer(known)] if any(tool.terms.undo for tool in known.values()) else []


def _undoer(tools: Mapping[str, Tool[..., Any]]) -> Agent[..., Any]:
    # It grows when the steps of an undo come in another order: one that was begun then rests.
    @agent(reads=UNDO, writes=results, name=UNDOER, version="2")
    async def undoer(order: UndoOrder, ctx: Context) -> UndoReport:
        """Take back what a task has done, the newest first."""
        assert isinstance(ctx, RunContext), "it runs in a lane"
        return await _Undoing(tools, order, ctx).all()

    undoer.of_engine = True
    return undoer


@dataclass(slots=True)
class _Undoing:
    """One undoing of a task."""

    tools: Mapping[str, Tool[..., Any]]
    order: UndoOrder
    ctx: RunContext
    report: UndoReport = field(init=False)
    read_to: int = field(init=False, default=0)  #: of the ledger, when the acts were listed

    async def all(self) -> UndoReport:
        """Take back one act after the other, until all are or a person says that it is enough.

        Raises UndoRefused for a task that has not ended, whoever has written the order.
        """
        self.report = UndoReport(task=self.order.task, undone=[], left=[])
        found = await self._listed()
        if not found.about.ended:
            raise _not_ended(self.order.task, known=found.about.known)
        left, self.read_to = found.left, found.about.read_to
        pace = Pace()
        while left:
            # A run that comes again goes past what it has taken back without a pause of its own.
            await pace.done(len(left[0].json))
            why = await self._one(left)
            if why is not None:
                self.report.left = [NotUndone(act=left[0].text, why=why)] + [
                    NotUndone(act=one.text, why="it was done before the one that failed")
                    for one in left[1:]
                ]
                break
            self.report.undone.append(left.pop(0).text)
        return self.report

    async def _listed(self) -> Unpacked:
        place, asked = self.ctx.steps.ground.worker, (self.order.task, self.order.since_ms)

        async def acts() -> bytes:
            return await pack(await read_acts(place.bus, place.team.namespace, *asked))

        shown = call_in_words(LISTED, [self.order.task])
        act: Act[bytes] = Act(
            asked=Asked("0.u2", LISTED, digest_of(asked), shown, Effect.READ),
            declared=Effect.READ,
            idem_key="",
            do=acts,
            # Each act is read when its turn has come, not all while every other key waits.
            encode=bytes,
            decode=bytes,
            accept=bytes,
            gives=Label(Integrity.INTERNAL),
            # The list is the engine's; what stands in it was said by whoever the acts have heard.
            heard=False,
        )
        return unpack(await self.ctx.steps.carry_out(act))

    async def _one(self, left: Sequence[PackedAct]) -> str | None:
        """Take the newest act back, or have a person say what became of it; else say why not."""
        act, why, ruled = left[0].unpacked(), "", set[str]()
        marks = act.marks
        unread: str | None = None
        place = self.ctx.steps.ground.worker
        reader = MarksOf(place.bus, place.team.namespace, self.order.task, act, self.read_to)
        for tries in range(1, TRIES_MAX + 1):
            doubts, settles = self._doubts(act, marks, ruled), ""
            if unread is not None or doubts:
                why = unread or doubt_in_words(doubts)
            else:
                taking = self._taking(act, marks, ruled, reader)
                failed = await self._tried(act, taking)
                if failed is None:
                    return None
                why, settles = failed
                marks, unread = await self._marks(act, reader, marks)
                doubts = self._doubts(act, marks, ruled)
                why += f" And {unread}" if unread else ""
                why += f" Besides, {doubt_in_words(doubts)}" if doubts else ""
            if marks.undone:
                return None  # by another undo, meanwhile
            said = await self._page(act, left, why, (tries, settles))
            if said == BY_HAND:
                taking = self._taking(act, marks, ruled, reader)
                mark = taking.undone(self.ctx.steps, by_hand=True)
                await self._note("u1", BY_HAND, mark)
                return None
            if said == LEAVE:
                break
            # Of what the person was told of, and of nothing that was begun since.
            ruled.update(one.claim for one in doubts)
            marks, unread = await self._marks(act, reader, marks)
            if marks.undone:
                return None
        return why

    def _doubts(self, act: Done, marks: Marks, ruled: set[str]) -> list[Claim]:
        """Give the claims that are overruled by nothing but a person's word, the newest first.

        A question names so many of them at most, and its answer rules over no others.
        """
        others = [one for one in marks.of_others(self.ctx.invocation_id) if one.claim not in ruled]
        if not others:
            return []
        tool = self.tools.get(act.undo)
        by_key = tool is not None and tool.effect is Effect.IDEMPOTENT
        now_ms = round(self.ctx.now().timestamp() * 1000)
        unsure = [one for one in others if not (by_key and known_by_key(one, now_ms))]
        return unsure[::-1][:LINES_MAX]

    async def _tried(self, act: Done, taking: TakingBack) -> tuple[str, str] | None:
        """Take it back; else say why not, and name the claim of which nothing came for certain."""
        ctx, undo = self.ctx, self.tools.get(act.undo)
        if (late := act.refused(round(ctx.now().timestamp() * 1000))) is not None:
            return late, ""
        if undo is None:
            return f"the team has no tool {act.undo} any more", ""
        if act.tenant != ctx.tenant:
            return "it was done for another tenant", ""
        arguments = undo_arguments(undo, act.arguments, act.result)
        # What a stranger has written counts as a stranger's here too; what the act's own run was
        # trusted with counts as said, whatever acts were taken back before.
        label = label_of(act.label)
        ctx.steps.labels.read(label)
        ctx.steps.labels.hear_record(arguments, label)
        marked = copy.copy(undo)
        marked.takes_back = taking
        step = ctx.call(marked, **arguments)
        path = str(ctx.steps.errors.steps_asked)
        claim = name_of(ctx.steps, path)
        try:
            await step
        except Refused as refused:
            # What is known of the latest attempt alone settles nothing.
            unsure = may_have_acted_before(ctx.steps.known(path))
            settles = "" if unsure or refused.state in MAY_HAVE_HAPPENED else claim
            return f"{refused.detail.rstrip('.')}. {refused.remedy}", settles
        except Exception as error:  # noqa: BLE001 - whatever a tool of the team raises is told
            # What has to stop the run stops it at its next step, whatever is caught here.
            return f"{act.undo} failed: {type(error).__name__}: {error}", ""
        return None

    async def _marks(self, act: Done, reader: MarksOf, known: Marks) -> tuple[Marks, str | None]:
        """Give what stands there by now; else what was known, and why no more could be read."""

        async def marks(act: str) -> Marks:
            del act  # it names the step
            return await reader.now()

        read = self.ctx.step(
            marks, act.act, effect=Effect.READ, name="undo.marks", gives=Integrity.INTERNAL
        )
        try:
            return await read, None
        except Refused as refused:
            return known, f"{refused.detail.rstrip('.')}. {refused.remedy}"

    def _taking(self, act: Done, marks: Marks, ruled: set[str], reader: MarksOf) -> TakingBack:
        over = [one.claim for one in marks.of_others(self.ctx.invocation_id)]
        by_person = tuple(one for one in over if one in ruled)
        by_key = tuple(one for one in over if one not in ruled)
        return TakingBack(self.order.task, act, by_person, by_key, UNDOER, reader)

    async def _note(self, letter: str, what: str, event: Event) -> None:
        """Tell the ledger beside the last step that was asked for."""
        steps = self.ctx.steps
        await note(steps, f"{steps.errors.steps_asked}.{letter}", what, lambda: [event])

    async def _page(
        self, act: Done, left: Sequence[PackedAct], why: str, failed: tuple[int, str]
    ) -> str:
        """Tell the ledger and ask a person, with everything that is left."""
        tries, settles = failed
        event = UndoFailed(
            task_id=self.order.task,
            tenant=self.ctx.tenant,
            time_ms=self.ctx.steps.now_ms(),
            act=act.act,
            undo_task=self.ctx.task_id,
            step=str(tries),
            sentence=why[:500],
            settles=settles,
        )
        await self._note("u0", UNDO_FAILED, event)
        lines = [f"{number}. {one.text}" for number, one in enumerate(left[:LINES_MAX], 1)]
        if len(left) > LINES_MAX:
            lines.append(f"… and {len(left) - LINES_MAX} older ones")
        choices = [AGAIN, BY_HAND, LEAVE] if tries < TRIES_MAX else [BY_HAND, LEAVE]
        text = (
            f"{left[0].text} was not taken back: {why.rstrip('.')}. Left of task"
            f" {self.order.task}, the newest first: {'; '.join(lines)}. `{AGAIN}` tries it again,"
            f" `{BY_HAND}` says that the first is taken back, by you or by whatever was begun,"
            f" `{LEAVE}` leaves all of them as they are."
        )
        return str(await self.ctx.ask_person(text, returns=str, choices=choices))


def _not_ended(task: str, *, known: bool) -> UndoRefused:
    if not known:
        reason, cure = "the ledger tells of no such task.", "handrail list    those that there are"
        return UndoRefused(task=task, reason=reason, cure=cure)
    cure = f"handrail cancel {task}    stops it first"
    return UndoRefused(task=task, reason="it has not ended.", cure=cure)


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
        raise _not_ended(task.id, known=True)
    since_ms = facts.submitted_ms or facts.accepted_ms
    try:
        read = await read_acts(ground.bus, ground.namespace, task.id, since_ms)
        acts = await read.left()
    except Refused as refused:
        raise UndoRefused(task=task.id, reason=refused.detail, cure="try again") from refused
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
            order = UndoOrder(task=task.id, since_ms=since_ms)
            return Undo(acts, await client.submit(UNDO, order, reference=reference))
        known = await earlier.facts()
        if known is None or not known.ended:
            return Undo(acts, earlier)
    raise UndoRefused(task=task.id, reason="it was tried a thousand times.", cure=show)
