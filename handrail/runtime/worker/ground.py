"""What the parts of one open lane share, and what a step is made of."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from handrail.contract.effect import EffectDeclaration
from handrail.contract.failure import Refused
from handrail.lane.journal import Entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.steps import Asked
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.flights import Flights
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.packing import Packer
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.saying import Saying
from handrail.wire.label import Label
from handrail.wire.record import Outgoing, TopicPartition

R = TypeVar("R")


async def never_again(refused: Refused, tries: int) -> bool:
    """Say of an act that one try is all it has."""
    del refused, tries
    return False


def as_it_is(error: Exception) -> Exception:
    """Say of an act that its errors are recorded as they are."""
    return error


def nothing_with(attempt: int) -> Sequence[Outgoing]:
    """Say of an act that its intent goes alone, whatever attempt it is."""
    del attempt
    return ()


def nothing_after(outcome: Entry) -> Sequence[Outgoing]:
    """Say of an act that its failure goes alone, whatever it is."""
    del outcome
    return ()


@dataclass(frozen=True, slots=True)
class Act(Generic[R]):
    """A step and how it is carried out; `accept` checks what a receiver says came of it."""

    asked: Asked
    declared: EffectDeclaration
    idem_key: str
    do: Callable[[], Awaitable[R]]
    encode: Callable[[R], bytes]
    decode: Callable[[bytes], R]
    accept: Callable[[Any], R]
    wait: Callable[[int], Awaitable[None]] | None = None
    """Waited for before each intent, which is given as the number of its attempt."""
    again: Callable[[Refused, int], Awaitable[bool]] = never_again
    """Pauses after a try, which is given by its number; true: another may help now."""
    in_words: Callable[[Exception], Exception] = as_it_is
    """Gives what is recorded in place of an error, for whoever is told of it."""
    timeout_s: float | None = None  #: how long it takes at most, where that is known
    beside: Callable[[], Sequence[Outgoing]] = tuple
    """What is written in the transaction of a result; asked for once that is known."""
    beside_failure: Callable[[Entry], Sequence[Outgoing]] = nothing_after
    """What is written in the transaction of an error, which is given as it is recorded."""
    instead: Callable[[], Sequence[Outgoing]] | None = None
    """What is written there when the broker refuses what is beside it; smaller."""
    with_intent: Callable[[int], Sequence[Outgoing]] = nothing_with
    """What is written with its intent, which is given as the number of its attempt.

    Asked for right before that intent is recorded; raises ApprovalEnded where it may not be.
    """
    licence: Mapping[str, object] = field(default_factory=dict[str, object])
    """What its intent says besides, such as the approval that it uses up."""
    on_record: Mapping[str, object] = field(default_factory=dict[str, object])
    """What its outcome says besides."""
    gives: Label | None = None
    """Where what it gives comes from; None for what says nothing that its run has not read."""
    heard: bool = True
    """Whether what it gives counts as said by whom its label names; else its asker says by whom."""


def outcome_item(entry: Entry, journal: TopicPartition, act: Act[Any] | None) -> Item:
    """Give what is committed of an outcome, and what in its place when the broker refuses that."""
    own = encode_entry(entry, journal)
    if act is None:
        return Item([own], outcome=entry)
    ok = entry.facts["ok"]
    beside = act.beside() if ok else act.beside_failure(entry)
    item = Item([own, *beside], outcome=entry, beside=beside)
    if ok and (less := act.instead) is not None:
        item.instead = lambda: [own, *less()]
    return item


@dataclass(frozen=True, slots=True)
class LaneGround:
    """What everything that serves one open lane has in common."""

    worker: WorkerPlace
    place: LanePlace
    lane: Lane
    committer: Committer
    packer: Packer
    saying: Saying
    flights: Flights = field(default_factory=Flights)
