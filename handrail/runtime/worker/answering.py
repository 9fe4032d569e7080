"""Takes in what comes to the answers of one lane: whatever answers a step or steers an invocation.

Each kind of answer has a taker, which says whether the answer is settled. One that is too early,
because its invocation has not come so far again since the lane was opened, is kept and asked again;
the low-water mark of the answers stays below it, and those behind it are not held up. An answer
that is read twice changes nothing, because it names the attempt that it is about.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final

import structlog

from handrail.errors.wire import WireError
from handrail.lane.journal import encode_entry, tombstone
from handrail.lane.resolving import resolve
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.elsewhere import take_late_outcome
from handrail.runtime.worker.ground import LaneGround
from handrail.wire.decision import DECISION_TYPE, Decision
from handrail.wire.late_outcome import LATE_OUTCOME_TYPE
from handrail.wire.record import Record

log = structlog.get_logger("handrail.lane")

UNSETTLED_COUNT_MAX: Final = 1_000  #: too early at a time; those behind them have to wait

#: Takes an answer in; False when it is too early for it, and it is to be given again.
Take = Callable[[Record], Awaitable[bool]]


class Answering:
    """The answers of one open lane."""

    def __init__(self, ground: LaneGround) -> None:
        """Read the lane's own partition."""
        self._ground = ground
        self._looking = False
        self._next = ground.lane.answers  # the first answer that was not read yet
        self._unsettled: list[Record] = []
        self._takers: Mapping[str, Take] = {
            DECISION_TYPE: self._decided,
            LATE_OUTCOME_TYPE: partial(take_late_outcome, ground),
        }

    async def look(self) -> None:
        """Take in every answer that has come. Raises what is the broker's fault."""
        if self._looking:
            return
        self._looking = True
        try:
            self._unsettled = [one for one in self._unsettled if not await self._take(one)]
            await self._read()
        finally:
            # What is settled may be forgotten once a transaction has said so.
            first = self._unsettled[0].offset if self._unsettled else self._next
            self._ground.lane.answers = first
            self._looking = False

    async def _read(self) -> None:
        ground, where = self._ground, self._ground.place.answers
        end = await ground.worker.bus.end_offset(where)
        if end <= self._next:
            return
        async with aclosing(ground.worker.bus.fetch(where, self._next, end)) as records:
            async for record in records:
                if len(self._unsettled) >= UNSETTLED_COUNT_MAX:
                    return
                if not await self._take(record):
                    self._unsettled.append(record)
                self._next = record.offset + 1
        self._next = end

    async def _take(self, record: Record) -> bool:
        kind = (record.header("ce_type") or b"").decode(errors="replace")
        taker = self._takers.get(kind)
        if taker is None:
            log.warning("answer of an unknown kind", offset=record.offset, kind=kind)
            return True
        try:
            return await taker(record)
        except WireError as error:
            log.warning("answer not readable", offset=record.offset, why=str(error))
            return True

    async def _decided(self, record: Record) -> bool:
        """A person has found out what became of a step in doubt."""
        ground = self._ground
        decision = Decision.from_record(record)
        invocation = ground.lane.find(decision.request.rsplit("/", 2)[0])
        if invocation is None or not invocation.task_id:
            # It may not have come to its doubt again since the lane was opened.
            return not ground.lane.steps.waits_for(decision.request)
        now_ms = ground.worker.clock.now_ms()
        result = decision.result if decision.happened else None
        found = resolve(ground.lane.steps, decision.request, result, decision.by, now_ms)
        if found is None:
            log.warning("nobody waits for this answer", request=decision.request)
            return True
        journal = ground.place.journal
        records = [encode_entry(entry, journal) for entry in found.entries]
        records += [tombstone(key, journal) for key in found.removed]
        records.append(ground.saying.record(ground.saying.decided(invocation, decision)))
        await ground.committer.commit(Item(records))
        ground.lane.wake(invocation)
        return True
