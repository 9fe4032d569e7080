"""Reads the ledger into a projection, up to an end that is asked for or for as long as wanted.

The place to read from lies in the file itself. The last record that was folded is read again and
compared, so that a ledger that was deleted and made anew is noticed, and everything folded afresh.
Any number of processes may follow into one file. Folding runs in a thread, one batch after the
other, so that neither a large batch nor the wait for another process's write stops the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from handrail.bus.port import Bus, Tail
from handrail.errors.store import StoreDamaged
from handrail.errors.transport import BrokerUnreachable
from handrail.ledger.event_record import LEDGER
from handrail.ledger.projection import Position, Projection, mark_of
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger(__name__)

BATCH_RECORDS_MAX = 500
POLL_S = 0.25
STANDSTILL_S_MAX = 30.0  #: without any progress towards a known end


class _StartAgain(Exception):  # a turn of the loop, never seen outside
    """The file was emptied, by us or by another process."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A tail of all partitions, and what is needed to judge what it brings."""

    tail: Tail
    beginning: str
    places: Mapping[int, Position]  #: those whose last record is read again
    ends: Mapping[TopicPartition, int]

    @property
    def at_end(self) -> bool:
        return all(self.tail.position(where) >= end for where, end in self.ends.items())


async def catch_up(bus: Bus, namespace: str, projection: Projection) -> None:
    """Fold everything that is on the ledger now; return at once when there is no ledger yet.

    Raises BrokerUnreachable, and what the projection's file raises except for damage, which is
    mended by folding anew.
    """
    async for _ in _turns(bus, namespace, projection, keep=False):
        pass


async def follow(
    bus: Bus, namespace: str, projection: Projection
) -> AsyncGenerator[frozenset[str]]:
    """Fold for ever; give the ids of the tasks that changed, after each batch. Raises as above.

    Whoever leaves the loop closes it, best by `contextlib.aclosing`: its reader has sockets.
    """
    async for changed in _turns(bus, namespace, projection, keep=True):
        if changed:
            yield changed


async def _turns(
    bus: Bus, namespace: str, projection: Projection, *, keep: bool
) -> AsyncGenerator[frozenset[str]]:
    topic = f"{namespace}.{LEDGER}"
    mended = False
    while True:
        try:
            reading = await _begin(bus, topic, projection)
            if reading is None:
                if not keep:
                    return
                await asyncio.sleep(POLL_S)
                continue
            try:
                async for changed in _read(reading, projection, keep=keep):
                    yield changed
            finally:
                await reading.tail.close()
        except _StartAgain:
            continue
        except StoreDamaged:
            if mended:
                raise
            mended = True
            projection.rebuild()
        else:
            return


async def _begin(bus: Bus, topic: str, projection: Projection) -> _Reading | None:
    if topic not in await bus.admin.topics():
        return None
    offsets = await bus.admin.offsets(topic)
    beginning, places = projection.beginning(), projection.positions()
    starts: dict[TopicPartition, int] = {}
    again: dict[int, Position] = {}
    for partition, (first, end) in offsets.items():
        place = places.get(partition)
        if place is None:
            starts[TopicPartition(topic, partition)] = first
            continue
        if place.next > end:
            _empty(projection, f"partition {partition} ends at {end}, before {place.next}")
        if place.last >= first:
            again[partition] = place
        elif place.next < first:
            log.warning("events deleted unread", partition=partition, read=place.next, first=first)
        starts[TopicPartition(topic, partition)] = max(first, place.last)
    if any(partition not in offsets for partition in places):
        _empty(projection, "it has fewer partitions than before")
    ends = {TopicPartition(topic, partition): end for partition, (_, end) in offsets.items()}
    return _Reading(await bus.tail(starts), beginning, again, ends)


def _empty(projection: Projection, reason: str) -> None:
    log.warning("the ledger is another one than before; folding anew", reason=reason)
    projection.empty()
    raise _StartAgain


async def _read(
    reading: _Reading, projection: Projection, *, keep: bool
) -> AsyncGenerator[frozenset[str]]:
    unseen = dict(reading.places)
    loop = asyncio.get_running_loop()
    moved_at = loop.time()
    while keep or not reading.at_end:
        records = await reading.tail.poll(timeout_s=POLL_S, records_max=BATCH_RECORDS_MAX)
        if not records:
            if not reading.at_end and loop.time() - moved_at > STANDSTILL_S_MAX:
                raise BrokerUnreachable(reason=f"no record came for {STANDSTILL_S_MAX:.0f} s.")
            continue
        moved_at = loop.time()
        _compare(records, unseen, projection)
        changed = await _take(projection, records, reading.beginning)
        if changed is None:
            raise _StartAgain
        yield changed


async def _take(
    projection: Projection, records: Sequence[Record], beginning: str
) -> frozenset[str] | None:
    work = asyncio.ensure_future(asyncio.to_thread(projection.take, records, beginning))
    try:
        return await asyncio.shield(work)
    finally:
        # Cancelled or not, the thread has let go of the file before anybody closes it.
        await asyncio.wait({work})
        work.exception()  # whoever was cancelled has no use for how it failed


def _compare(
    records: Sequence[Record], unseen: dict[int, Position], projection: Projection
) -> None:
    for record in records:
        place = unseen.pop(record.partition, None)
        if place is not None and (record.offset, mark_of(record)) != (place.last, place.mark):
            _empty(projection, f"offset {place.last} of partition {record.partition} differs")
