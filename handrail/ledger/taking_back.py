"""Folds what a task has done that can be taken back, and who has begun to take it back. Pure.

An act is taken back by one undo at a time: by whoever has the first open claim on the ledger, or
the newest that overrules those before it. Guarantee: of two claims of different undos on one act,
both read back as far as the later of them, at most one may act.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from pydantic import BaseModel

from handrail.contract.undo import bound
from handrail.errors import UndoRefused
from handrail.ledger.event import Event
from handrail.ledger.undo_event import ActDone, ActUndone, UndoBegun, UndoEvent, UndoFailed
from handrail.wire.rfc3339 import rfc3339

ACTS_COUNT_MAX = 10_000  #: of one task that one undo lists
ACTS_BYTES_MAX = 32 * 1024 * 1024  #: of what the undos of these acts take, as JSON


class Claim(BaseModel):
    """Somebody has begun to take an act back, and nothing is known of what came of it."""

    claim: str
    undo_task: str
    effect: str
    key_ttl_s: float | None = None
    began_ms: int
    over: list[str] = []

    def is_of(self, invocation: str) -> bool:
        """Say whether it is a claim of this very invocation."""
        return self.claim.partition("/")[0] == invocation


class Marks(BaseModel):
    """Where the taking back of one act stands."""

    undone: bool = False
    claims: list[Claim] = []  #: those that are open, in the order of the ledger

    def after(self, event: UndoEvent) -> "Marks":
        """Give what is known after one more event of the same act."""
        match event:
            case ActUndone():
                return Marks(undone=True)
            case UndoBegun() if not self.undone:
                return Marks(claims=_with(self.claims, event))
            case UndoFailed(settles=settled) if settled:
                return Marks(undone=self.undone, claims=_without(self.claims, settled))
            case _:
                return self

    def of_others(self, invocation: str) -> list[Claim]:
        """Give the open claims of other undos."""
        return [one for one in self.claims if not one.is_of(invocation)]

    def in_the_way(self, own: str, over: Sequence[str]) -> Claim | None:
        """Give the claim that forbids the owner of `own`, which overrules `over`, to act."""
        invocation, before = own.partition("/")[0], True
        for one in self.claims:
            before = before and one.claim != own
            if one.is_of(invocation):
                continue
            if own in one.over or (before and one.claim not in over):
                return one
        return None


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
    takes: list[str] | None = None
    label: str | None = None  #: where what its undo takes comes from
    marks: Marks = Marks()

    @property
    def bound(self) -> dict[str, Any]:
        """What its undo is called with; where nobody knew what that takes, all that is kept."""
        return bound(self.arguments, self.result, self.takes)

    def refused(self, now_ms: int) -> str | None:
        """Say why it cannot be taken back, or not any more; None when it can."""
        if self.cannot:
            return self.cannot
        if self.until_ms is None or now_ms <= self.until_ms:
            return None
        return f"it could be taken back until {rfc3339(self.until_ms)}, and no later"


class DoneByTask:
    """What a task has done and is not undone, event by event."""

    def __init__(self, task: str) -> None:
        """Begin with nothing."""
        self._task = task
        self._done: dict[str, ActDone] = {}
        self._marks: dict[str, Marks] = {}
        self._bytes = 0

    def hear(self, event: Event) -> None:
        """Take in the next event of the task. Raises UndoRefused for more than one undo holds."""
        if not isinstance(event, UndoEvent):
            return
        if isinstance(event, ActDone):
            known = self._done.get(event.act)
            if known is None or (event.certain and not known.certain):
                self._done.pop(event.act, None)  # its place is where it was known for certain
                self._done[event.act] = event
                self._bytes += _bytes_of(event)
                self._check_bounds()
            return
        self._marks[event.act] = self._marks.get(event.act, Marks()).after(event)

    def left(self) -> list[Done]:
        """Give what is not undone, the newest first."""
        return [one for _, one in self.each_left()]

    def each_left(self) -> Iterator[tuple[int, Done]]:
        """Give the same one by one, each with the bytes that were read for it."""
        for act, one in reversed(self._done.items()):
            marks = self._marks.get(act, Marks())
            if not marks.undone:
                yield _bytes_of(one), _done(one, marks)

    def _check_bounds(self) -> None:
        if len(self._done) <= ACTS_COUNT_MAX and self._bytes <= ACTS_BYTES_MAX:
            return
        reason = (
            f"it has done more than {ACTS_COUNT_MAX:,} acts that can be taken back, or what they"
            f" take is more than {ACTS_BYTES_MAX:,} bytes, which is more than one undo holds."
        )
        cure = f"handrail show {self._task}    what it has done, to be taken back by hand"
        raise UndoRefused(task=self._task, reason=reason, cure=cure)


def left_of(task: str, events: Iterable[Event]) -> list[Done]:
    """Give what was done and is not undone, of the events of a task; the newest first."""
    found = DoneByTask(task)
    for event in events:
        found.hear(event)
    return found.left()


def _bytes_of(one: ActDone) -> int:
    return len(one.arguments.encode()) + len(one.result.encode())


def _done(one: ActDone, marks: Marks) -> Done:
    return Done(
        act=one.act,
        tool=one.tool,
        text=one.text,
        undo=one.undo,
        tenant=one.tenant,
        arguments=orjson.loads(one.arguments),
        result=orjson.loads(one.result),
        until_ms=one.until_ms,
        cannot=one.cannot,
        takes=None if one.takes is None else [*one.takes],
        label=one.label,
        marks=marks,
    )


def _with(claims: Sequence[Claim], event: UndoBegun) -> list[Claim]:
    if any(one.claim == event.claim for one in claims):
        return [*claims]  # another attempt under the claim that it had
    claim = Claim(
        claim=event.claim,
        undo_task=event.undo_task,
        effect=event.effect,
        key_ttl_s=event.key_ttl_s,
        began_ms=event.time_ms,
        over=[*event.over],
    )
    return [*claims, claim]


def _without(claims: Sequence[Claim], settled: str) -> list[Claim]:
    return [one for one in claims if one.claim != settled]
