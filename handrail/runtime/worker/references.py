"""What one open lane knows of the references that were seen, from its cache and the partition.

The partition is the truth. The cache is copied once, when the lane opens, and only if the record
that it names stands in the partition as it says; all that it does not cover is read back. From then
on it is written aside, from below the committed offset only, so that nothing is in it which another
owner would not find as well. A cache that is missing, damaged, foreign or locked costs time and
nothing else: it is said in the log, and the last day is read back.

In memory are at most 2,000 sightings that are not in the lane's table yet, at most 50,000 records
that are not in the cache yet, and SQLite's 2 MB.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from handrail.errors import StoreDamaged, StoreTooNew, StoreUnusable
from handrail.lane.references import REPEAT_WITHIN_MS, SeenReferences, Sighting
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.place import WorkerPlace
from handrail.store.references import Batch, Extent, ReferenceFile, ReferenceTable, Seen
from handrail.wire.record import Record

log = structlog.get_logger("handrail.lane")

T = TypeVar("T")

RECENT_COUNT_MAX = 2_000  #: sightings in memory before they go to the table
UNWRITTEN_COUNT_MAX = 50_000  #: records that wait for the cache before it is given up
WRITE_ROWS_COUNT = 20_000  #: records of one write to the cache
WRITE_EVERY_MS = 1_000
YIELD_EVERY_COUNT = 200  #: records that are judged in one go
MARK_KEY_BYTES = 64
assert 2 * WRITE_ROWS_COUNT < UNWRITTEN_COUNT_MAX

_CACHE_LOST = (StoreDamaged, StoreTooNew, StoreUnusable)


class _Noted(NamedTuple):
    """A record that was judged, and what the cache will have to know of it."""

    offset: int
    mark: bytes
    seen: Seen | None


class LaneReferences:
    """The references of one open lane. All methods belong to the event loop's thread."""

    def __init__(self, worker: WorkerPlace, place: LanePlace) -> None:
        """Know nothing until `learn`."""
        self.seen = SeenReferences(self)
        self.read_back_count = 0  #: records that `learn` had to read
        self._worker = worker
        self._place = place
        self._table = ReferenceTable()
        self._recent: dict[bytes, Sighting] = {}
        self._file: ReferenceFile | None = None  #: None when there is none, or it was given up
        self._opened: ReferenceFile | None = None  #: to be closed with the lane
        self._sighted: Seen | None = None
        self._unwritten: deque[_Noted] = deque()
        self._covered = 0  #: the cache has everything below, or will have
        self._next = 0  #: records below were noted
        self._newest_ms = 0
        self._wrote_ms = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def recent_count(self) -> int:
        """How many sightings are in memory, not in the table."""
        return len(self._recent)

    @property
    def has_cache(self) -> bool:
        """True while what is seen is written to the cache."""
        return self._file is not None

    # ---- what a lane asks for each record

    def get(self, task: bytes, /) -> Sighting | None:
        """Give the last sighting of a task, or None."""
        recent = self._recent.get(task)
        if recent is not None:
            return recent
        known = self._table.get(task)
        return None if known is None else Sighting(known.time_ms, known.carried)

    def __setitem__(self, task: bytes, sighting: Sighting, /) -> None:
        """Keep a sighting."""
        if len(self._recent) >= RECENT_COUNT_MAX:
            rows = [Seen(known, *one) for known, one in self._recent.items()]
            self._table.put(rows, self._horizon_ms())
            self._recent.clear()
        self._recent[task] = sighting
        self._sighted = Seen(task, *sighting)
        self._newest_ms = max(self._newest_ms, sighting.time_ms)

    def judged(self, record: Record) -> None:
        """Take note that this record was judged; called for each one, in their order."""
        seen, self._sighted = self._sighted, None
        if self._file is None or record.offset < self._next:
            return
        self._next = record.offset + 1
        if len(self._unwritten) >= UNWRITTEN_COUNT_MAX:
            self._give_up("it does not keep up with the lane")
            return
        self._unwritten.append(_Noted(record.offset, mark_of(record), seen))

    # ---- opening

    async def learn(self, low: int, judge: Callable[[Record], object]) -> None:
        """Know the day before the record at `low`: from the cache, the rest by judging it again.

        The day ends where reading goes on, which may be long ago.
        """
        bus, inbox = self._worker.bus, self._place.inbox
        now_ms = self._worker.clock.now_ms()
        reading_ms = now_ms
        async with aclosing(bus.fetch(inbox, low, await bus.end_offset(inbox))) as waiting:
            async for record in waiting:
                reading_ms = min(now_ms, record.timestamp_ms)
                break
        day_ms = reading_ms - REPEAT_WITHIN_MS
        start = min(low, await bus.offset_at(inbox, day_ms))
        path = self._worker.reference_cache(self._place.transactional_id)
        if path is not None:
            start = await self._recall(path, start, low, day_ms)
        async with aclosing(bus.fetch(inbox, start, low)) as rest:
            async for record in rest:
                judge(record)
                self.judged(record)
                self.read_back_count += 1
                if len(self._unwritten) >= WRITE_ROWS_COUNT:
                    # Side by side with the judging it would cost more than one after the other.
                    self._begin_write(low)
                    await self._written()
                if self.read_back_count % YIELD_EVERY_COUNT == 0:
                    await asyncio.sleep(0)  # heartbeats and the other lanes have their turn
        self._begin_write(low)  # the lane does not wait for the last one

    async def _recall(self, path: Path, start: int, low: int, day_ms: int) -> int:
        """Take over what the cache knows; give the offset from which to read back."""
        try:
            file = self._opened = self._file = await _in_thread(lambda: ReferenceFile(path))
            try:
                extent = await _in_thread(lambda: file.copy_to(self._table, day_ms))
            except StoreDamaged as damage:
                log.warning("reference cache begun anew", file=str(path), why=damage.why)
                extent = None
            why = await self._why_not(extent, start, low)
            if extent is not None and why is None:
                self._covered = extent.upto
                return extent.upto
            if why is not None:
                log.info("reference cache begun anew", file=str(path), why=why)
            self._table.close()
            await _in_thread(lambda: file.begin_at(start))
            self._covered = start
        except _CACHE_LOST as error:
            self._table.close()
            self._give_up(error.why)
        return start

    async def _why_not(self, extent: Extent | None, start: int, low: int) -> str | None:
        """Say why the cache cannot be used; None when it can, or when there is nothing in it."""
        if extent is None:
            return None
        if extent.upto > low:
            return "it knows of records that the lane has not read: it is another topic's"
        if extent.upto < start:
            return "it ends more than a day ago"
        bus, inbox = self._worker.bus, self._place.inbox
        if extent.last < await bus.begin_offset(inbox):
            return "its last record was deleted, which is more than a day old then"
        async with aclosing(bus.fetch(inbox, extent.last, extent.last + 1)) as found:
            async for record in found:
                if mark_of(record) == extent.mark:
                    return None
        return "its last record is not in the partition: it is another topic's"

    # ---- writing

    def tick(self, low: int) -> None:
        """Write to the cache what is below the committed offset, aside, once a second."""
        now_ms = self._worker.clock.now_ms()
        busy = self._writing is not None and not self._writing.done()
        due = now_ms - self._wrote_ms >= WRITE_EVERY_MS
        if due and not busy:
            self._wrote_ms = now_ms
            self._begin_write(low)

    def _begin_write(self, low: int) -> None:
        if self._file is None or not self._is_settled(low):
            return
        name = f"reference cache {self._place.inbox.topic}[{self._place.inbox.partition}]"
        self._writing = asyncio.create_task(self._write(low), name=name)

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _is_settled(self, low: int) -> bool:
        return bool(self._unwritten) and self._unwritten[0].offset < low

    async def _write(self, low: int) -> None:
        while self._file is not None and self._is_settled(low):
            batch, file = self._next_batch(low), self._file
            try:
                if not await _in_thread(lambda: file.write(batch)):  # noqa: B023 - awaited here
                    self._give_up("another process has begun it anew")
            except _CACHE_LOST as error:
                self._give_up(error.why)

    def _next_batch(self, low: int) -> Batch:
        rows: list[tuple[int, Seen]] = []
        last = self._unwritten[0]
        count = 0
        while self._is_settled(low) and count < WRITE_ROWS_COUNT:
            last = self._unwritten.popleft()
            count += 1
            if last.seen is not None:
                rows.append((last.offset, last.seen))
        extent = Extent(last.offset + 1, last.offset, last.mark)
        batch = Batch(self._covered, extent, rows, self._horizon_ms())
        # Were this batch lost, the file would refuse the next one for the gap.
        self._covered = extent.upto
        return batch

    def _horizon_ms(self) -> int:
        # A record from the future must not make the lane forget its day.
        return min(self._newest_ms, self._worker.clock.now_ms()) - REPEAT_WITHIN_MS

    def _give_up(self, why: str) -> None:
        """Go on without the cache; what is in it stays true, and the next owner reads the rest."""
        inbox = self._place.inbox
        log.warning(
            "lane goes on without its reference cache",
            topic=inbox.topic,
            partition=inbox.partition,
            why=why,
        )
        self._unwritten.clear()
        # A write may be under way in its thread: the file is closed with the lane.
        self._file = None

    async def close(self, low: int) -> None:
        """Write what is left, as far as it is committed, and forget everything."""
        await self._written()
        await self._write(low)
        self._file = None
        if self._opened is not None:
            await _in_thread(self._opened.close)
            self._opened = None
        self._table.close()


def mark_of(record: Record) -> bytes:
    """Tell a record apart from another one at the same offset of a topic that was made anew."""
    own = record.header("ce_id") or (record.key or b"")[:MARK_KEY_BYTES]
    return b"%d/%d/%s" % (record.timestamp_ms, len(record.value or b""), own)


async def _in_thread(work: Callable[[], T]) -> T:
    """Do it without holding up the lane; who is cancelled waits until the file is let go of."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait({thread})
        raise
