"""Who runs beside whom in one process, and what the journal says of it before a handler starts.

An unclean end makes suspects of what ran (`handrail.lane.poison`); this carries out what follows. A
suspect starts only when it may, and once its ACCEPTED is committed; when it has survived its trial
that is committed as well, and the others go on. Guarantees: while one runs alone, no other handler
of the process starts; nothing else starts in its place before its end or its rest is committed.
Work that is under no suspicion waits for nobody at the door and writes nothing for this; but those
who wait there count among the handlers that a lane runs at once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handrail.lane.gate import Go
from handrail.lane.invocation import Invocation
from handrail.lane.journal import encode_entry
from handrail.lane.poison import Company
from handrail.lane.resting import accepted_entry
from handrail.lane.turnstile import Turnstile
from handrail.runtime.clock import Clock
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.committer import Item

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import LaneGround
    from handrail.runtime.worker.handing import Handing

_SUSPECTED = frozenset({Company.IN_TURN, Company.ALONE})


class Door:
    """The turnstile of a process, at which handlers wait until they may start."""

    def __init__(self) -> None:
        """Start with nobody inside."""
        self._turnstile = Turnstile()
        self._waiting: set[asyncio.Future[None]] = set()

    async def enter(
        self, who: str, company: Company, clock: Clock, may: Callable[[], bool]
    ) -> bool:
        """Wait until it may start; False when `may` says that it is no longer to."""
        while may():
            now_ms = clock.now_ms()
            asked = self._turnstile.ask(who, company, now_ms)
            if isinstance(asked, Go):
                return True
            await self._change_or_time(clock, (asked.until_ms - now_ms) / 1_000)
        self._turnstile.left(who, clock.now_ms())
        return False

    def let_out(self, who: str, now_ms: int) -> None:
        """Let others start beside it: it has survived its trial."""
        self._turnstile.let_out(who, now_ms)
        self._tell()

    def leave(self, who: str, now_ms: int) -> None:
        """Let it go: it has ended, or rests."""
        self._turnstile.left(who, now_ms)
        self._tell()

    def _tell(self) -> None:
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    async def _change_or_time(self, clock: Clock, seconds: float) -> None:
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(changed)
        slept = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait([changed, slept], return_when=asyncio.FIRST_COMPLETED)
        finally:
            slept.cancel()
            self._waiting.discard(changed)


@dataclass(slots=True, eq=False)
class _Inside:
    who: str
    company: Company
    trial: "asyncio.Task[None] | None" = None


class Presence:
    """The handlers of one open lane, on their way through the door of their process."""

    def __init__(self, ground: "LaneGround", handing: "Handing", on_record_count: int) -> None:
        """Put so many on record before their handlers start, besides those under suspicion."""
        self._ground = ground
        self._handing = handing
        self._door = ground.worker.door
        self._on_record_count = on_record_count
        self._inside: dict[Invocation, _Inside] = {}
        self._leaving: dict[str, asyncio.Future[None]] = {}  # done once its end has committed

    async def begin(self, invocation: Invocation, may: Callable[[], bool]) -> bool:
        """Wait until a handler may start, with what the journal must say committed; else False."""
        standing = invocation.standing
        if standing.is_poison:
            return may()  # its handler never starts
        company = standing.company
        if company is Company.ANY and self._on_record_count > 0:
            self._on_record_count -= 1
            company = Company.ON_RECORD
        ground = self._ground
        inside = _Inside(f"{ground.place.transactional_id}/{invocation.id}", company)
        # One of before may be on its way out, until its end is committed.
        while (gone := self._leaving.get(inside.who)) is not None and may():
            await asyncio.wait([gone])
        if not await self._door.enter(inside.who, company, ground.worker.clock, may):
            return False
        self._inside[invocation] = inside
        # What was sent back has steps on record from before: that it has begun again has not.
        if company is Company.ANY and not invocation.is_on_record and invocation.redriven is None:
            return True
        invocation.standing = standing.started()
        item = self._accepted(invocation)
        if company is Company.ANY:
            ground.committer.hand(item)
            return True
        await ground.committer.commit(item)
        await ground.worker.fail_points.reached(Moment.AFTER_ACCEPTED_COMMIT)
        if company in _SUSPECTED:
            inside.trial = asyncio.create_task(
                self._trial(invocation, inside), name=f"trial {invocation.id}"
            )
        return True

    def end(self, invocation: Invocation) -> None:
        """Let a handler out whose end or rest was handed over, or that is cut off."""
        inside = self._inside.pop(invocation, None)
        if inside is None:
            return
        if inside.trial is not None:
            inside.trial.cancel()
        if inside.company not in _SUSPECTED:
            self._door.leave(inside.who, self._now_ms())
            return
        self._leaving[inside.who] = gone = asyncio.get_running_loop().create_future()
        self._handing.aside(self._leave(inside.who, gone))

    def close(self) -> None:
        """Let everybody out: the lane is let go."""
        for inside in self._inside.values():
            if inside.trial is not None:
                inside.trial.cancel()
            self._door.leave(inside.who, self._now_ms())
        for who, gone in self._leaving.items():
            self._door.leave(who, self._now_ms())
            gone.set_result(None)
        self._inside.clear()
        self._leaving.clear()

    async def _leave(self, who: str, gone: asyncio.Future[None]) -> None:
        await self._ground.committer.flush()
        if self._leaving.get(who) is gone:
            del self._leaving[who]
            self._door.leave(who, self._now_ms())
            gone.set_result(None)

    async def _trial(self, invocation: Invocation, inside: _Inside) -> None:
        try:
            await self._ground.worker.clock.sleep(invocation.standing.trial_ms / 1_000)
            invocation.standing = invocation.standing.survived()
            await self._ground.committer.commit(self._accepted(invocation))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - told to the lane, which opens anew
            self._handing.tell_trouble(error)
            return
        self._door.let_out(inside.who, self._now_ms())

    def _now_ms(self) -> int:
        return self._ground.worker.clock.now_ms()

    def _accepted(self, invocation: Invocation) -> Item:
        ground = self._ground
        invocation.is_on_record = True
        entry = accepted_entry(
            invocation,
            ground.lane.epoch,
            ground.worker.agent.version,
            ground.worker.clock.now_ms(),
        )
        return Item([encode_entry(entry, ground.place.journal)])
