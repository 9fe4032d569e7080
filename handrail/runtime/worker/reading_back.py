"""Reads a record of the lane's own journal again, so that it need not be kept in memory."""

from contextlib import aclosing

from handrail.bus.port import Bus
from handrail.errors.transport import BrokerUnreachable
from handrail.lane.journal import Entry, decode_entry
from handrail.lane.lane import Lane
from handrail.runtime.worker.committer import Committer
from handrail.runtime.worker.opening import LanePlace


async def read_back(
    bus: Bus, place: LanePlace, lane: Lane, committer: Committer, key: bytes
) -> Entry:
    """Give the live record under a key, which may still be on its way to the journal.

    Raises BrokerUnreachable.
    """
    offset = lane.live.offset(key)
    if offset is None:
        await committer.flush()
        offset = lane.live.offset(key)
    assert offset is not None, "what is read back is live in the journal"
    async with aclosing(bus.fetch(place.journal, offset, offset + 1)) as records:
        async for record in records:
            entry = decode_entry(record)
            assert entry is not None
            return entry
    raise BrokerUnreachable(
        bootstrap="the journal",
        reason=f"offset {offset} of {place.journal.topic} could not be read",
    )
