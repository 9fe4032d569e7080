"""Reads what people have decided about the steps of one lane, and lets those go on that waited.

Answers are read only while something is in doubt, from the first one that was not looked at. One
that is read twice changes nothing, because it names the attempt that it is about.
"""

from contextlib import aclosing

import structlog

from handrail.errors.wire import WireError
from handrail.lane.journal import encode_entry, tombstone
from handrail.lane.resolving import resolve
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.stepping import StepGround
from handrail.wire.decision import Decision
from handrail.wire.record import Record

log = structlog.get_logger("handrail.lane")


class Answering:
    """The answers of one open lane."""

    def __init__(self, ground: StepGround) -> None:
        """Read the lane's own partition."""
        self._ground = ground
        self._looking = False

    async def look(self) -> None:
        """Take in every decision that has come. Raises what is the broker's fault."""
        if self._looking:
            return
        self._looking = True
        try:
            ground, where = self._ground, self._ground.place.answers
            end = await ground.worker.bus.end_offset(where)
            if end <= ground.lane.answers:
                return
            async with aclosing(
                ground.worker.bus.fetch(where, ground.lane.answers, end)
            ) as records:
                async for record in records:
                    if not await self._take(record):
                        ground.lane.answers = record.offset
                        return
            ground.lane.answers = end
        finally:
            self._looking = False

    async def _take(self, record: Record) -> bool:
        """Take one in; False when it is too early for it, and it is to be looked at again."""
        ground = self._ground
        try:
            decision = Decision.from_record(record)
        except WireError as error:
            log.warning("answer not readable", offset=record.offset, why=str(error))
            return True
        held = ground.lane.held.get(decision.request.rsplit("/", 2)[0])
        if held is None:
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
        records.append(ground.saying.record(ground.saying.decided(held, decision)))
        await ground.committer.commit(Item(records))
        ground.lane.release(held)
        return True
