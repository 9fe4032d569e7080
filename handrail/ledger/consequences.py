"""Follows what came of messages through the events of their tasks: messages, acts, what has left.

A tree shows each handoff once. Here every way counts on which something of a message can have gone
on: what its handler wrote, the gather that it became a part of, and whoever was told its answer.
Pure; built from events alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from handrail.ledger.event import (
    Accepted,
    DeadLettered,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PartKind,
    QuestionAsked,
    Rejected,
    Submitted,
    Wrote,
    WroteKind,
)
from handrail.ledger.happened import Acted
from handrail.ledger.undo_event import ActDone, ActUndone

_LEAVES = frozenset({WroteKind.OUTPUT, WroteKind.RESULT})  #: nobody of the team reads them


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to the world because of a message, and that is not undone."""

    agent: str
    text: str  #: the call, or only the name of what was called
    task: str
    perhaps: bool = False  #: nobody knows whether it happened
    undoable: bool = False  #: its tool names an undo


@dataclass(frozen=True, slots=True)
class Consequences:
    """What came of messages, in the order of the ledger."""

    messages: tuple[str, ...]  #: with those from which it began, as far as the ledger knows them
    left: tuple[Wrote, ...]  #: what was written for others
    acts: tuple[Act, ...]


@dataclass(slots=True)
class _Work:
    """What one invocation has left, as far as was told."""

    agent: str = ""
    task: str = ""
    wrote: list[Wrote] = field(default_factory=list[Wrote])
    acted: dict[str, Acted] = field(default_factory=dict[str, Acted])  #: by path
    undoable: dict[str, ActDone] = field(default_factory=dict[str, ActDone])  #: by act
    gathers: list[str] = field(default_factory=list[str])


class Aftermath:
    """Everything that was told of tasks, by the invocation that it was told of."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._work: dict[str, _Work] = {}
        self._parents: dict[str, list[str]] = defaultdict(list)
        self._askers: dict[str, str] = {}  #: question → who asked
        self._undone: set[str] = set()

    def hear(self, event: Event) -> None:
        """Take in the next event of its task; of a task all of them are wanted, in their order."""
        match event:
            case Submitted(ce_id=of) | Accepted(ce_id=of) | Rejected(ce_id=of):
                self._at(of)
            case Finished(invocation=of) | DeadLettered(invocation=of):
                self._ended(of, event)
            case Dropped(reason=DropReason.REPEAT):
                pass
            case Dropped(ce_id=of) | MarkerPassed(ce_id=of):
                self._ended(of, event)
            case QuestionAsked(invocation=of):
                self._wrote(of, event.wrote)
                self._askers |= {
                    one.id: of for one in event.wrote if one.kind is WroteKind.QUESTION
                }
            case PartGathered(what=PartKind.MESSAGE):
                self._at(event.ce_id).gathers.append(event.gather)
                self._at(event.gather)
                self._parents[event.gather].append(event.ce_id)
            case ActDone():
                work = self._at(event.act.partition("/")[0])
                work.agent, work.task = event.agent, event.task_id
                work.undoable.setdefault(event.act, event)
            case ActUndone():
                self._undone.add(event.act)
            case _:
                pass

    def consequences(
        self, messages: Collection[str], handlers: Collection[str] = ()
    ) -> Consequences:
        """Follow messages, and what the handlers of further messages have handed on and done."""
        reached = self._reached(messages, handlers)
        found = {*reached, *handlers}
        works = [(of, work) for of, work in self._work.items() if of in found]
        return Consequences(
            tuple(of for of, _ in works if of in reached),
            tuple(one for _, work in works for one in work.wrote if one.kind in _LEAVES),
            tuple(act for _, work in works for act in self._acts(work)),
        )

    def _acts(self, work: _Work) -> list[Act]:
        """Give what an invocation has done and what is not undone."""
        told = {act.rpartition("/")[2] for act in work.undoable}
        found = [
            Act(work.agent, one.text, work.task, undoable=not one.cannot)
            for act, one in work.undoable.items()
            if act not in self._undone
        ]
        found += [
            Act(work.agent, one.name, work.task, perhaps=one.perhaps)
            for path, one in work.acted.items()
            if path not in told
        ]
        return found

    def _reached(self, messages: Collection[str], handlers: Collection[str]) -> set[str]:
        found: set[str] = set()
        waiting = [*messages]
        for one in handlers:
            waiting += self._onward(one)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._onward(one)
        return found

    def _onward(self, of: str) -> list[str]:
        work = self._work.get(of)
        if work is None:
            return []
        onward = [one.id for one in work.wrote if one.kind not in {*_LEAVES, WroteKind.ANSWER}]
        if any(one.kind is WroteKind.ANSWER for one in work.wrote):
            onward += self._asked_by(of)
        return [*onward, *work.gathers]

    def _asked_by(self, of: str) -> list[str]:
        """Give who waits for what comes of a message: the asker of the nearest question above."""
        seen, waiting = {of}, [of]
        while waiting:
            one = waiting.pop()
            if one in self._askers:
                return [self._askers[one]]
            above = [parent for parent in self._parents.get(one, ()) if parent not in seen]
            seen.update(above)
            waiting += above
        return []

    def _ended(self, of: str, event: Finished | DeadLettered | Dropped | MarkerPassed) -> None:
        work = self._at(of)
        work.agent, work.task = event.agent, event.task_id
        if not isinstance(event, MarkerPassed):
            work.acted |= {one.step: one for one in event.acted}
        self._wrote(of, event.wrote)

    def _wrote(self, of: str, records: Iterable[Wrote]) -> None:
        work = self._at(of)
        for one in records:
            work.wrote.append(one)
            self._at(one.id)
            self._parents[one.id].append(of)

    def _at(self, of: str) -> _Work:
        return self._work.setdefault(of, _Work())
