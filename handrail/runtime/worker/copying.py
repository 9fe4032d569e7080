"""Writes the oldest live records of a lane's journal again at its end, as they are.

Which ones the lane decides. A record that was superseded or removed between its reading and the
transaction that would write it again is left out: that transaction stands alone, so what the lane
knows when it begins is what stands before it.
"""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from handrail.bus.port import Bus
from handrail.errors.transport import BrokerUnreachable
from handrail.lane.lane import Lane
from handrail.runtime.worker.committer import Committer, Item
from handrail.wire.record import Outgoing, Record, TopicPartition
from handrail.wire.size import record_size

COPIED_BYTES_MAX = 2_000_000  #: in one transaction; one record may be larger
GAP_OFFSETS_MAX = 200  #: records that lie closer are read in one go


async def copy_forward(bus: Bus, journal: TopicPartition, lane: Lane, committer: Committer) -> None:
    """Write records again until none is due. Raises BrokerUnreachable."""
    while due := lane.live.due_copies(lane.settings.bounds):
        found: list[Record] = []
        size_bytes = 0
        for record in await _read(bus, journal, due):
            size_bytes += record_size(_again(record))
            if found and size_bytes > COPIED_BYTES_MAX:
                break
            found.append(record)
        await committer.commit(Item((), prepare=partial(_still_live, lane, found)))


def _still_live(lane: Lane, found: Sequence[Record]) -> list[Outgoing]:
    return [
        _again(record) for record in found if lane.live.offset(record.key or b"") == record.offset
    ]


def _again(record: Record) -> Outgoing:
    return Outgoing(record.topic, record.key, record.value, record.headers, record.partition)


async def _read(
    bus: Bus, journal: TopicPartition, due: Sequence[tuple[bytes, int]]
) -> list[Record]:
    found: list[Record] = []
    offsets = [offset for _, offset in due]
    first = 0
    while first < len(offsets):
        last = first
        while last + 1 < len(offsets) and offsets[last + 1] - offsets[last] <= GAP_OFFSETS_MAX:
            last += 1
        wanted = set(offsets[first : last + 1])
        async with aclosing(bus.fetch(journal, offsets[first], offsets[last] + 1)) as records:
            found += [record async for record in records if record.offset in wanted]
        first = last + 1
    if len(found) != len(due):
        raise BrokerUnreachable(
            bootstrap="the journal",
            reason=f"{len(due) - len(found)} live records of {journal.topic}"
            f"[{journal.partition}] could not be read",
        )
    return found
