"""What the ledger says of acts that can be taken back; each event opens and closes nothing."""

from dataclasses import dataclass

from handrail.ledger.happened import Happened


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEvent(Happened):
    """Something about one act of a task."""

    act: str  #: invocation/run/step


@dataclass(frozen=True, slots=True, kw_only=True)
class ActDone(UndoEvent):
    """A tool has acted whose contract names an undo, or may have. May be said again after a crash.

    Said for certain it counts, whatever was said before of the same act.
    """

    agent: str
    tool: str
    text: str  #: the call, shortened
    undo: str  #: the tool that takes it back
    arguments: str  #: as they were, those that the undo takes, as JSON
    result: str  #: as it was, what the undo takes of it, as JSON
    until_ms: int | None = None  #: until when it may be taken back
    cannot: str = ""  #: why it cannot be, when what its undo takes is not kept
    takes: tuple[str, ...] | None = None  #: the arguments of its undo; None: nobody knew them
    label: str | None = None  #: of what its undo takes; None: nobody vouches for it
    certain: bool = True  #: it has happened as a whole; else `cannot` says what is known


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoBegun(UndoEvent):
    """Somebody claims to take it back, in the transaction of the intent that licenses that.

    Of several claims the first on the ledger counts, unless one names it as overruled. A claim
    stays open until the act is undone, or until it is settled that nothing came of it.
    """

    undo_task: str
    claim: str  #: invocation/run/step of the undo
    attempt: int = 1
    effect: str  #: the class of the undo, as it was begun
    key_ttl_s: float | None = None  #: how long the receiver knows the key, which is the act's own
    over: tuple[str, ...] = ()  #: earlier claims that are overruled by a person, or by the key


@dataclass(frozen=True, slots=True, kw_only=True)
class ActUndone(UndoEvent):
    """It was taken back, in the transaction of the undo's outcome."""

    undo_task: str
    by: str
    by_hand: bool = False  #: a person says so; no tool has done it


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFailed(UndoEvent):
    """It could not be taken back, and a person was asked."""

    undo_task: str
    step: str
    sentence: str
    settles: str = ""  #: the claim of which it is known that nothing came of it


OfUndo = ActDone | UndoBegun | ActUndone | UndoFailed


def name_of(event: UndoEvent) -> str:
    """Name what an event reports."""
    match event:
        case UndoBegun():
            return f"{event.act}/{event.claim}/{event.attempt}"
        case UndoFailed():
            return f"{event.act}/{event.undo_task}/{event.step}"
        case _:
            return event.act
