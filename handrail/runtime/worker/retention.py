"""Deletes from a lane's inbox and answers what is finished and a week old; the broker never does.

Both topics keep their records for ever as far as the broker is concerned, because only the lane
knows what is unfinished. What goes is below what the lane has finished, or has settled, by the word
of a committed transaction, and older than a week. An inbox's week is counted back from where
reading goes on, so that after a long stand-still the references of the day before are still there.

A broker that refuses costs disk and nothing else: it is said in the log, and tried again. Once a
day large bodies of what is unfinished are written again, which the broker does delete by their age.
"""

import itertools
from collections.abc import Mapping
from contextlib import aclosing

import structlog

from handrail.bus.port import Bus
from handrail.errors import HandrailError
from handrail.lane.lane import Lane
from handrail.lane.references import REPEAT_WITHIN_MS
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.renewing import renew_claims
from handrail.wire.record import TopicPartition

log = structlog.get_logger("handrail.lane")

KEPT_MS = 7 * 24 * 3_600_000
FIRST_AFTER_S, EVERY_S = 60.0, 3_600.0
RENEWS_EVERY = 24  #: once a day
assert KEPT_MS > REPEAT_WITHIN_MS, "a repeated reference is known by the record that it repeats"


async def keep_deleting(ground: LaneGround) -> None:
    """Delete soon after the lane was opened, for it may not last, and once an hour from then on."""
    worker, place = ground.worker, ground.place
    await worker.clock.sleep(FIRST_AFTER_S)
    for number in itertools.count():
        now_ms = worker.clock.now_ms()
        try:
            deleted = await delete_finished(worker.bus, place, ground.lane, now_ms)
            renewed = 0 if number % RENEWS_EVERY else await renew_claims(ground, now_ms)
        except HandrailError as error:
            log.warning("finished records not deleted", topic=place.inbox.topic, why=str(error))
        else:
            for where, offset in deleted.items():
                log.info("finished records deleted", **where._asdict(), below=offset)
            if renewed:
                log.info("claimed bodies written again", topic=place.inbox.topic, count=renewed)
        await worker.clock.sleep(EVERY_S)


async def delete_finished(
    bus: Bus, place: LanePlace, lane: Lane, now_ms: int
) -> Mapping[TopicPartition, int]:
    """Delete what may go, and give up to where, by partition; nothing when nothing may.

    Raises BrokerUnreachable, also when the broker does not let us.
    """
    low, settled = lane.progress.low, lane.answers
    week_ms = await _reading_ms(bus, place.inbox, low, now_ms) - KEPT_MS
    limits = {
        place.inbox: min(low, await bus.offset_at(place.inbox, week_ms)),
        place.answers: min(settled, await bus.offset_at(place.answers, now_ms - KEPT_MS)),
    }
    wanted = {
        where: limit for where, limit in limits.items() if limit > await bus.begin_offset(where)
    }
    if wanted:
        await bus.admin.delete_records(wanted)
    return wanted


async def _reading_ms(bus: Bus, inbox: TopicPartition, low: int, now_ms: int) -> int:
    """Give when the oldest record was written that is not finished; now when there is none."""
    async with aclosing(bus.fetch(inbox, low, await bus.end_offset(inbox))) as waiting:
        async for record in waiting:
            return min(now_ms, record.timestamp_ms)
    return now_ms
