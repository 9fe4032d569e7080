"""Has many dead letters settled, at the pace of a wave, and sees by the ledger how each fares.

A wave can be broken off at any moment and begun anew: a letter that was asked for twice is settled
once, and those that were not reached are still open.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from handrail.bus.port import Bus
from handrail.lane.wave import End, Halted, Pace, SendNext, Wave
from handrail.ledger.event import Event
from handrail.ledger.projection import Projection
from handrail.ledger.queries import events
from handrail.runtime.clock import Clock
from handrail.runtime.dead_letters import (
    Fate,
    FoundLetter,
    ask_to_settle,
    fate_of,
    refusals_of,
)
from handrail.runtime.follow import catch_up
from handrail.wire.settling import Edited

LOOK_S = 0.2
ENDS = {
    Fate.ASKED: End.OPEN,
    Fate.WORKING: End.OPEN,
    Fate.WAITING: End.WAITING,
    Fate.ENDED: End.WELL,
    Fate.DISCARDED: End.WELL,
    Fate.REFUSED: End.FAILED,
    Fate.DIED: End.FAILED,
}
OVER = (End.WELL, End.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is asked for: each letter is sent back, or, with a reason, given up."""

    by: str
    discard_why: str | None = None
    from_step: int | None = None
    edited: Edited | None = None


@dataclass(slots=True)
class Sent:
    """One letter that was asked for, and how it fares as far as is known."""

    found: FoundLetter
    fate: Fate = Fate.ASKED
    words: str = ""  #: why it was refused or has died again, or what it waits for
    refused_before: int = 0  #: how often it was refused before it was asked for this time


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a wave works."""

    bus: Bus
    namespace: str
    projection: Projection
    clock: Clock
    told: Callable[[Sequence[Sent]], None] = field(default=lambda _: None)  #: after each look


async def run_wave(
    ground: Ground, letters: Sequence[FoundLetter], settlement: Settlement, pace: Pace
) -> tuple[list[Sent], Halted]:
    """Settle these letters in their order; give those that were asked for, and why it ended."""
    wave, sent = Wave(len(letters), pace), list[Sent]()
    while True:
        await _look(ground, sent)
        ground.told(sent)
        ends = {number: ENDS[one.fate] for number, one in enumerate(sent)}
        match wave.next(ends, ground.clock.now_ms() / 1000):
            case SendNext(count):
                await catch_up(ground.bus, ground.namespace, ground.projection)
                for found in letters[len(sent) : len(sent) + count]:
                    refused_before = refusals_of(_told(ground, found), found.id)
                    await _ask(ground, found, settlement)
                    sent.append(Sent(found, refused_before=refused_before))
                wave.sent(count, ground.clock.now_ms() / 1000)
                await asyncio.sleep(LOOK_S)
            case halted:
                return sent, halted


async def _ask(ground: Ground, found: FoundLetter, settlement: Settlement) -> None:
    await ask_to_settle(
        ground.bus,
        ground.namespace,
        found,
        by=settlement.by,
        now_ms=ground.clock.now_ms(),
        discard_why=settlement.discard_why,
        from_step=settlement.from_step,
        edited=settlement.edited,
    )


async def _look(ground: Ground, sent: Sequence[Sent]) -> None:
    if all(ENDS[one.fate] in OVER for one in sent):
        return
    await catch_up(ground.bus, ground.namespace, ground.projection)
    for one in sent:
        if ENDS[one.fate] not in OVER:
            one.fate, one.words = fate_of(
                _told(ground, one.found), one.found.id, refused_before=one.refused_before
            )


def _told(ground: Ground, found: FoundLetter) -> Iterator[Event]:
    return (said.event for said in events(ground.projection, found.task))
