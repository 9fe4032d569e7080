"""What a lane writes when its process lets go of it, and what then stays in the process's hands.

In one transaction, after everything that was handed over before: RELEASED for each attempt that is
under way or whose outcome is not committed, and one RELEASED for the lane itself; or CLOSED when
there is none. Guarantee: nothing of the lane commits after it, so whatever a successor finds begun
and not released is not carried out here any more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from handrail.errors import HandrailError
from handrail.lane.journal import Entry, Kind, encode_entry
from handrail.lane.releasing import released_entry
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.flights import TOLD_S_MAX, Flight
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.moved_acts import MovedActs
from handrail.wire.record import Outgoing

log = structlog.get_logger("handrail.lane")


@dataclass(slots=True, eq=False)
class LastWords:
    """The last transaction of a lane in this process, for now or for good."""

    ground: LaneGround
    moved: MovedActs
    on_said: Callable[[], None]  #: called at once when it has committed; stops the committer
    _given_up: bool = False

    async def say(self, deadline_s: float) -> None:
        """Commit it; past the deadline it is left unsaid, and acts are judged by their class."""
        item = Item(
            (), prepare=self._records, on_committed=lambda _: self._said(), tells_group=True
        )
        try:
            async with asyncio.timeout(deadline_s):
                await self.ground.committer.commit(item)
        except (TimeoutError, HandrailError) as error:
            self._given_up = True
            place = self.ground.place.inbox
            log.warning("lane not let go in words", topic=place.topic, why=repr(error))

    def _said(self) -> None:
        if not self._given_up:
            self.on_said()

    def _records(self) -> list[Outgoing]:
        if self._given_up:
            return []
        ground, now_ms = self.ground, self.ground.worker.clock.now_ms()
        entries = self._released(now_ms)
        kind = Kind.RELEASED if entries else Kind.CLOSED
        entries.append(ground.lane.lane_entry(kind, now_ms))
        return [encode_entry(entry, ground.place.journal) for entry in entries]

    def _released(self, now_ms: int) -> list[Entry]:
        ground, releases = self.ground, self.ground.lane.steps.releases
        flights: list[Flight] = [*ground.flights, *_still_open(ground, self.moved)]
        until = {flight.step: now_ms + int(flight.left_s() * 1000) for flight in flights}
        # Handed over and not written: it is sent if the lane does not come back.
        for outcome in (one.entry for one in ground.committer.outcomes_in_hand):
            if "attempt" in outcome.facts:
                attempt = int(str(outcome.facts["attempt"]))
                step = (outcome.invocation, outcome.path, attempt)
                until.setdefault(step, now_ms + int(TOLD_S_MAX * 1000))
        head = (ground.lane.epoch, ground.worker.agent.version, now_ms)
        entries = [
            released_entry(step, until_ms, self.moved.life, head)
            for step, until_ms in until.items()
        ]
        for entry in entries:
            releases.put(entry)
        return entries


def take_back(ground: LaneGround, moved: MovedActs) -> None:
    """Wait for what this process itself carries on of a lane in which it begins another epoch.

    That epoch has voided whatever the process had released, so whoever waits looks again.
    """
    now_ms = ground.worker.clock.now_ms()
    head = (ground.lane.epoch, ground.worker.agent.version, now_ms)
    for flight in _still_open(ground, moved):
        until_ms = now_ms + int(flight.left_s() * 1000)
        ground.lane.steps.releases.put(released_entry(flight.step, until_ms, moved.life, head))
    ground.flights.tell()


def _still_open(ground: LaneGround, moved: MovedActs) -> list[Flight]:
    """Give the moved acts that the lane still waits for.

    Another attempt may have ended the step meanwhile, and a RELEASED of a step, or of a whole
    invocation, that is over would stand in the journal for ever. An act whose licence never
    committed is not waited for either: its number may be that of an attempt of another owner, and
    what is known of that one must not be lost.
    """
    found: list[Flight] = []
    for flight in moved.of(ground.place.answers):
        invocation, path, attempt = flight.step
        record = ground.lane.steps.known(invocation, path)
        intent = None if record is None or record.outcome is not None else record.intent
        if intent is not None and flight.begun_in in (None, intent.epoch):
            found += [flight] if intent.facts["attempt"] == attempt else []
    return found
