"""Which dead letters of one lane are of questions, found by the question's id.

The topic of dead letters itself is the record: nothing else has to be remembered, and what is kept
there is known. It is read once from its begin, when it is asked for first, and then only what came.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from handrail.errors.wire import WireError
from handrail.lane.journal import Entry
from handrail.lane.redrives import Settled
from handrail.ledger.event import Event
from handrail.runtime.worker.sent_back import NotTakenBack
from handrail.wire.codec import decode_envelope
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.record import Record
from handrail.wire.settling import Settle

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import LaneGround

IN_MEMORY_COUNT_MAX: Final = 50_000  #: letters; past that each search reads the topic anew
REPLY_TO: Final = "ce_replyto"
NOT_ASKED: Final = -1  #: in the place of the record that asks for a letter to be settled


@dataclass(frozen=True, slots=True, order=True)
class OwnLetter:
    """One dead letter of a question; the one that counts is the greatest of its open ones."""

    has_recorded: bool  #: what its steps had recorded is kept with it
    dead: int  #: its offset


class QuestionLetters:
    """The dead letters of questions of one open lane. Not thread-safe; one owner."""

    def __init__(self, ground: "LaneGround", count_max: int = IN_MEMORY_COUNT_MAX) -> None:
        """Have read nothing yet; keep so many in memory."""
        self._ground = ground
        self._count_max = count_max
        self._known = _Known()

    async def open(self, invocation: str) -> list[OwnLetter]:
        """Give those of a question that nobody has settled, the one that counts last.

        Raises BrokerUnreachable.
        """
        await self._read(invocation)
        settled = self._ground.lane.redrives.settled
        return sorted(
            one for one in self._known.letters.get(invocation, ()) if settled(one.dead) is None
        )

    async def closed_with(
        self, asked: Settle, letter: DeadLetter, invocation: str
    ) -> list[tuple[Entry, Event]]:
        """Give what closes the other open letters of a question whose letter is taken back.

        A question that came again may have died before it was carried on. Sent back later, its
        letter would begin from the start what was carried out meanwhile. Raises NotTakenBack where
        it is one of the others that counts.
        """
        if not any(name == REPLY_TO for name, _ in letter.headers):
            return []
        own = await self.open(invocation)
        if own and own[-1].dead != asked.dead:
            raise NotTakenBack(
                f"letter {own[-1].dead} of the same partition holds what this question had"
                " recorded; send that one back, or discard it"
            )
        lane, now_ms = self._ground.lane, self._ground.worker.clock.now_ms()
        why = f"its question is carried on from letter {asked.dead}"
        closed: list[tuple[Entry, Event]] = []
        for one in own[:-1]:
            settled = Settled.given_up(one.dead, invocation, asked.by, NOT_ASKED, now_ms)
            entry = settled.entry(lane.epoch, lane.settings.agent_version, now_ms)
            discarded = replace(asked, dead=one.dead, why=why)
            closed.append((entry, self._ground.saying.discarded(discarded, -1, invocation)))
        return closed

    async def _read(self, wanted: str) -> None:
        bus, where = self._ground.worker.bus, self._ground.place.dead
        known = self._known if self._known.is_whole else _Known()
        begin, end = await bus.begin_offset(where), await bus.end_offset(where)
        begin = max(begin, known.next)
        found = _Known(count=known.count)
        if begin < end:
            async with aclosing(bus.fetch(where, begin, end)) as records:
                async for invocation, letter in _of_questions(records):
                    has_room = found.count < self._count_max or invocation == wanted
                    found.take(invocation, letter, has_room=has_room)
        # Taken in once all is read: what a broker that fails leaves half read is read again.
        known.next = max(begin, end)
        known.add(found)
        self._known = known


@dataclass(slots=True)
class _Known:
    """What was read of the topic."""

    next: int = 0  #: up to where
    is_whole: bool = True  #: all of it is in memory
    count: int = 0
    letters: dict[str, list[OwnLetter]] = field(default_factory=dict[str, list[OwnLetter]])

    def take(self, invocation: str, letter: OwnLetter, *, has_room: bool) -> None:
        """Keep a letter if there is room for it."""
        if not has_room:
            self.is_whole = False
            return
        self.count += 1
        self.letters.setdefault(invocation, []).append(letter)

    def add(self, later: "_Known") -> None:
        """Keep what was read after it, and was counted on."""
        self.count, self.is_whole = later.count, self.is_whole and later.is_whole
        for invocation, letters in later.letters.items():
            self.letters.setdefault(invocation, []).extend(letters)


async def _of_questions(records: AsyncIterable[Record]) -> AsyncIterator[tuple[str, OwnLetter]]:
    async for record in records:
        if (one := _of_question(record)) is not None:
            yield one


def _of_question(record: Record) -> tuple[str, OwnLetter] | None:
    """Give whose letter it is; None when it is of no question, or nobody can read it."""
    if record.header(REPLY_TO) is None:
        return None
    try:
        letter = DeadLetter.from_record(record)
        invocation = letter.failure.invocation or decode_envelope(letter.original()).id
    except WireError:
        return None  # nobody can send it back either
    return invocation, OwnLetter(letter.failure.journal is not None, record.offset)
