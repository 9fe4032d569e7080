"""What each agent has done for one task, folded from the task's events. Pure; no word is a guess.

The ledger tells when a handoff was written and when it was ended, not when a handler began: what
lies in between is called open, never "working".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from handrail.ledger.event import (
    OPEN_KINDS,
    Accepted,
    AnswerDropped,
    CancelAsked,
    DeadLettered,
    Discarded,
    Dropped,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PersonAnswered,
    PersonAsked,
    QuestionAsked,
    Redriven,
    RedriveRefused,
    Rejected,
    Rested,
    StepWasted,
    Submitted,
    Wrote,
)
from handrail.ledger.happened import AtLane
from handrail.ledger.memory_event import (
    MemoryForgotten,
    MemoryRecalled,
    MemoryRefused,
    MemoryWritten,
)
from handrail.ledger.rail_event import ActRefused, BudgetWarned, FurtherCall
from handrail.ledger.undo_event import UndoEvent

DEPTH_MAX = 8  #: of the tree; deeper agents stand at this depth


@dataclass(slots=True)
class Seat:
    """One inbox of the task: who reads it, and what became of what was written there."""

    topic: str
    agent: str | None = None  #: None until it has done something
    depth: int = 0
    done: int = 0
    lost: int = 0
    parts: tuple[int, int] | None = None  #: of a gather that is not complete: has, of
    waited_ms: int | None = None
    worked_ms: int | None = None
    model_calls: int = 0
    tokens: int = 0
    asks_person: set[str] = field(default_factory=set[str])
    open: dict[str, int] = field(default_factory=dict[str, int])  #: invocation → since, ms


class TaskBoard:
    """The inboxes that a task has reached, in the order of a tree."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.opened = 0
        self.ended = 0
        self.began_ms: int | None = None
        self._seats: dict[str, Seat] = {}
        self._parents: dict[str, str] = {}
        self._told: set[str] = set()

    @property
    def seats(self) -> list[Seat]:
        """Every inbox, each below the one that first wrote to it."""
        found: list[Seat] = []

        def below(parent: str | None, depth: int) -> None:
            for topic, seat in self._seats.items():
                if self._parents.get(topic) == parent:
                    seat.depth = min(depth, DEPTH_MAX)
                    found.append(seat)
                    below(topic, depth + 1)

        below(None, 0)
        return found

    def take(self, events: Iterable[Event]) -> None:
        """Fold further events of the task, in their order."""
        for event in events:
            if self.began_ms is None:
                self.began_ms = event.time_ms
            self._one(event)

    def _one(self, event: Event) -> None:  # one case per event
        seat = self._seat_of(event)
        match event:
            case Submitted():
                self._seat(event.topic)
            case Accepted(ce_id=of):
                if of not in self._told:
                    self._told.add(of)
                    self._open(event.topic, of, event.time_ms)
            case Rejected(ce_id=of):
                self._end(event.topic, of)
                self._seat(event.topic).lost += 1
            case Finished(invocation=of):
                self._end(event.topic, of)
                self._finished(self._seat(event.topic), event)
                self._wrote(event, event.wrote)
            case PartGathered():
                self._part(event)
            case MarkerPassed(ce_id=of) | Dropped(ce_id=of):
                self._end(event.topic, of)
                self._wrote(event, event.wrote)
            case DeadLettered(invocation=of):
                self._end(event.topic, of)
                self._seat(event.topic).lost += 1
                self._wrote(event, event.wrote)
            case QuestionAsked():
                self._wrote(event, event.wrote)
            case Redriven(invocation=of):
                self._open(event.topic, of, event.time_ms)
                again = self._seat(event.topic)
                again.lost = max(0, again.lost - 1)
            case PersonAsked(request=request):
                if seat is not None:
                    seat.asks_person.add(request)
            case PersonAnswered(request=request):
                for one in self._seats.values():
                    one.asks_person.discard(request)
            case CancelAsked() | AnswerDropped() | StepWasted() | Rested():
                pass
            case BudgetWarned() | FurtherCall() | ActRefused():
                pass
            case MemoryWritten() | MemoryRefused() | MemoryForgotten() | MemoryRecalled():
                pass
            case UndoEvent():
                pass
            case Discarded() | RedriveRefused():
                pass  # what a person said of a dead letter; the seat that lost it stays as it is
            case _:
                assert_never(event)

    def _seat_of(self, event: Event) -> Seat | None:
        if isinstance(event, AtLane):
            seat = self._seat(event.topic)
            seat.agent = event.agent
            return seat
        if isinstance(event, PersonAsked):
            return next((s for s in self._seats.values() if s.agent == event.agent), None)
        return None

    def _seat(self, topic: str, parent: str | None = None) -> Seat:
        if topic not in self._seats:
            self._seats[topic] = Seat(topic)
            if parent is not None:
                self._parents[topic] = parent
        return self._seats[topic]

    def _open(self, topic: str, invocation: str, time_ms: int) -> None:
        if invocation not in self._seat(topic).open:
            self._seat(topic).open[invocation] = time_ms
            self.opened += 1

    def _end(self, topic: str, invocation: str) -> None:
        if self._seat(topic).open.pop(invocation, None) is not None:
            self.ended += 1

    def _wrote(self, event: AtLane, wrote: tuple[Wrote, ...]) -> None:
        for one in wrote:
            if one.kind in OPEN_KINDS:
                self._seat(one.topic, event.topic)
                self._open(one.topic, one.id, event.time_ms)

    def _part(self, event: PartGathered) -> None:
        if event.first:
            self._open(event.topic, event.gather, event.time_ms)
        self._end(event.topic, event.ce_id)
        seat = self._seat(event.topic)
        has = 0 if event.first or seat.parts is None else seat.parts[0]
        seat.parts = (has + 1, max(1, event.parts))

    def _finished(self, seat: Seat, event: Finished) -> None:
        seat.done += 1
        seat.worked_ms = (seat.worked_ms or 0) + max(0, event.time_ms - event.started_ms)
        if event.waited_ms is not None:
            seat.waited_ms = (seat.waited_ms or 0) + max(0, event.waited_ms)
        seat.model_calls += event.model_calls
        seat.tokens += event.tokens_in + event.tokens_out
        if event.gathered is not None:
            seat.parts = None


def state_of(seat: Seat, now_ms: int) -> str:
    """Say in a few words how an inbox of the task stands."""
    from handrail.ledger.story import seconds

    if seat.asks_person:
        return "waits for a person"
    said: list[str] = []
    if seat.open:
        since = seconds(now_ms - min(seat.open.values()))
        if seat.parts is not None and len(seat.open) == 1:
            has, of = seat.parts
            said.append(f"has {has} of {of} parts" if has < of else f"has all {of} parts")
        else:
            said.append(f"{len(seat.open)} open")
        said.append(f"for {since}")
    elif seat.done:
        said.append("done" if seat.done == 1 else f"{seat.done} done")
    if seat.lost:
        said.append(f"{seat.lost} lost")
    return ", ".join(said) or "not taken yet"
