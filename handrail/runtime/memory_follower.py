"""Follows the topics of memory into a view's file, for as long as a process runs.

Whatever becomes of the file is mended from the topics: damaged or deleted, it is filled anew; so is
one that is older than what compacted topics tell of deletions, and one of topics that were made
anew. Batches are folded one after the other, long ones in a thread. Once something was forgotten,
it is taken out of the file, of snapshots, and of the files of processes that are gone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from handrail.bus.port import Bus, Tail
from handrail.bus.stray import stray_cancellations_told
from handrail.errors import BrokerUnreachable
from handrail.errors.store import StoreDamaged, StoreTooNew, StoreUnusable
from handrail.memory.forgetting import drop_versions
from handrail.memory.snapshot import take_snapshot
from handrail.memory.view import Position, View, mark_of
from handrail.runtime.memory_folder import MemoryFolder
from handrail.runtime.memory_kept import Kept, kept_by
from handrail.runtime.memory_log import ViewLog
from handrail.runtime.memory_quick import is_quick
from handrail.runtime.memory_settings import Freshness, ViewSettings
from handrail.wire.memory import AppliedMark
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger("handrail.memory")

R = TypeVar("R")

BATCH_RECORDS_MAX: Final = 2_000
INDEXED_AT_ONCE_MAX: Final = 10_000
POLL_S: Final = 0.25
BEHIND_AFTER_S: Final = 10.0  #: without reaching the ends that were asked for
AGAIN_S: Final = 1.0  #: after the broker could not be reached
PURGE_AGAIN_S: Final = 1.0  #: after somebody was reading while words were to be taken out
SNAPSHOT_EVERY_S: Final = 3_600.0
VERSIONS_AT_ONCE_MAX: Final = (
    10_000  #: that are too old and are dropped, each time the ends are met
)


class _StartAgain(Exception):  # a turn of the loop, never seen outside
    """The file was emptied or is another one, or there are partitions that are not read."""


@dataclass(frozen=True, slots=True)
class _Barrier:
    """Ends of all partitions at a time: once they are reached, all from before is here."""

    starts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    marks: Mapping[int, AppliedMark]
    at_ms: int
    asked_s: float  #: by the event loop's clock


class Follower:
    """Follows into one file. Every method belongs to the event loop's thread."""

    def __init__(self, bus: Bus, settings: ViewSettings, moved: Callable[[], None]) -> None:
        """Call `moved` whenever the view or its freshness is another one."""
        self._bus = bus
        self._settings = settings
        self._moved = moved
        self._folder = MemoryFolder(settings.folder)
        self._file: int | None = None
        self._damage: StoreDamaged | None = None
        self._is_rebuilt = False  #: whether a file that was damaged is being filled anew
        self._too_new: StoreTooNew | None = None  #: a newer version has written to our file
        self._barrier: _Barrier | None = None
        self._followed: AbstractSet[TopicPartition] = frozenset()  #: what is read now
        self._ask_again_s = 0.0
        self._snapshot_s: float | None = None
        self._is_indexed = False  #: whether the words of all that was folded have been indexed once
        self._unsaved = 0  #: records folded since the last snapshot
        self._saving: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[_Barrier] | None = None
        self._log = ViewLog()
        self._purge_again_s = 0.0  #: when what a reader has held up is tried again; 0: nothing was
        self._kept = Kept()
        self.view: View | None = None
        self.freshness = Freshness.LOADING

    @property
    def path(self) -> Path:
        """The file that a reader opens."""
        return self._folder.claim()

    async def run(self) -> None:
        """Follow until cancelled. Raises what filling anew does not mend, such as a full disk."""
        try:
            *spaces, history = self._settings.topics
            self._kept = await kept_by(self._bus, spaces, history)
            while True:
                await self._turn()
        finally:
            self._ask_no_more()
            if self._saving is not None:
                await asyncio.wait([self._saving])
            await self._log.settled()
            self._shut()
            self._folder.close()

    def damaged(self, damage: StoreDamaged, view: View | None) -> None:
        """Take note that a reader has found the file damaged, if its view is the one of now."""
        if view is None or view is not self.view:
            return
        self._damage, self._is_rebuilt = damage, True
        self.become(Freshness.LOADING)

    def is_late(self) -> None:
        """Say that it is behind, since nobody waits for it any longer; never of a damaged file."""
        if not self._is_rebuilt:
            self.become(Freshness.BEHIND)

    def become(self, freshness: Freshness) -> None:
        """Say how far the view may be believed."""
        if freshness is not self.freshness:
            log.info("view of memory", freshness=freshness.value)
        self.freshness = freshness
        self._is_indexed &= freshness is not Freshness.LOADING
        self._moved()

    async def _turn(self) -> None:
        await self._log.settled()  # before its file may go
        try:
            view = await self._open()
            await self._fill_and_follow(view)
        except _StartAgain:
            self.become(Freshness.LOADING)
        except StoreDamaged as damage:
            log.warning("view of memory is filled anew", why=damage.why)
            self._is_rebuilt = True
            self.become(Freshness.LOADING)
            await self._log.settled()
            self._shut()
            self._folder.remove_damaged()
            self._damage = None
        except BrokerUnreachable as error:
            log.warning("memory is not read", why=str(error).partition("\n")[0])
            if self.freshness is Freshness.CURRENT:
                self.become(Freshness.BEHIND)
            await asyncio.sleep(AGAIN_S)

    # ---- the file

    async def _open(self) -> View:
        """Give the view that is open, or open the file, from a snapshot when there is none."""
        if self._damage is not None:  # found in the file that is still open
            raise self._damage
        path, settings = self.path, self._settings
        if self.view is not None and _file_number(path) == self._file:
            return self.view
        self._shut()
        now_ms = settings.clock.now_ms()
        since_ms = self._kept.since_ms(now_ms)
        restore = partial(self._folder.restore, settings.namespace, since_ms, now_ms)
        if not path.exists() and await in_thread(restore):
            log.info("view of memory begins with a snapshot", file=str(path))
        view = self._opened(path)
        # A file from the future was written by another clock: its age cannot be known.
        if view.positions() and not since_ms <= view.current_ms() <= now_ms:
            # What was deleted since then may not be told of any more.
            log.warning("view of memory is too old and is filled anew", file=str(path))
            view.close()
            self._folder.remove()
            if await in_thread(restore):
                log.info("view of memory begins with a snapshot", file=str(path))
            view = self._opened(path)
        self.view, self._file = view, _file_number(path)
        self._moved()
        return view

    def _opened(self, path: Path) -> View:
        settings = self._settings
        return View(path, settings.namespace, settings.spaces, settings.opener)

    def _check_file(self) -> None:
        if self._too_new is not None:
            raise self._too_new
        if self._damage is not None:
            raise self._damage
        if _file_number(self.path) != self._file:
            log.warning("view of memory was deleted and is filled anew", file=str(self.path))
            raise _StartAgain

    def _shut(self) -> None:
        view, self.view = self.view, None
        self._moved()
        if view is not None:
            view.close()

    # ---- reading

    async def _fill_and_follow(self, view: View) -> None:
        self._ask_no_more()
        barrier = self._barrier = await self._ask_ends(view)
        places = view.positions()
        for where, place in places.items():
            if where not in barrier.ends or place.next > barrier.ends[where]:
                self._start_afresh(view, f"{where.topic}[{where.partition}] ends earlier")
        # The last record is read again, to see whether it still is the same.
        starts = {
            where: max(first, places[where].last) if where in places else first
            for where, first in barrier.starts.items()
        }
        self._followed = starts.keys()
        tail = await self._bus.tail(starts)
        try:
            await self._read(view, tail, view.beginning(), places)
        finally:
            await tail.close()

    async def _read(
        self, view: View, tail: Tail, beginning: str, places: dict[TopicPartition, Position]
    ) -> None:
        while True:
            records = await tail.poll(timeout_s=POLL_S, records_max=BATCH_RECORDS_MAX)
            self._check_file()
            if records:
                self._compare(view, records, places)
                take = partial(view.take, records, beginning, index=self._is_indexed)
                in_place = self._is_indexed and self._is_quick(records)
                if (take() if in_place else await in_thread(take)) is None:
                    raise _StartAgain
                self._unsaved += len(records)
                self._moved()
            # Also when nothing comes: whoever was reading then may have gone since.
            await self._purge(view, again_at_once=bool(records))
            if records:
                await self._log.see_to(view)
            await self._see_to_barrier(view, tail)

    def _is_quick(self, records: Sequence[Record]) -> bool:
        asks_far = self._settings.opener is not None and self._settings.opener_waits
        return not asks_far and is_quick(records)

    def _compare(
        self, view: View, records: Sequence[Record], places: dict[TopicPartition, Position]
    ) -> None:
        for record in records:
            place = places.pop(record.where, None)
            # A later offset says nothing: compaction may have taken the record away.
            if place is not None and record.offset == place.last and mark_of(record) != place.mark:
                self._start_afresh(view, f"offset {record.offset} of {record.topic} differs")

    def _start_afresh(self, view: View, reason: str) -> None:
        log.warning("memory is another one than before and is read anew", reason=reason)
        view.empty()
        raise _StartAgain

    # ---- how current it is

    async def _ask_ends(self, view: View) -> _Barrier:
        at_ms, asked_s = self._settings.clock.now_ms(), asyncio.get_running_loop().time()
        marks = dict(view.progress.marks)
        starts: dict[TopicPartition, int] = {}
        ends: dict[TopicPartition, int] = {}
        for topic in self._settings.topics:
            with stray_cancellations_told("the broker"):
                found = await self._bus.admin.offsets(topic)
            for partition, (first, end) in found.items():
                starts[TopicPartition(topic, partition)] = first
                ends[TopicPartition(topic, partition)] = end
        return _Barrier(starts, ends, marks, at_ms, asked_s)

    async def _see_to_barrier(self, view: View, tail: Tail) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._barrier is None and self._asking is None and now_s >= self._ask_again_s:
            self._check_age(view)
            # Beside the reading: what an agent waits for must not wait for it.
            self._asking = asyncio.create_task(self._ask_ends(view), name="ends of memory")
        if self._asking is not None and self._asking.done():
            asked, self._asking = self._asking, None
            self._barrier = self._of_known_partitions(asked.result())
        barrier = self._barrier
        if barrier is None:
            return
        if all(tail.position(where) >= end for where, end in barrier.ends.items()):
            while self.freshness is not Freshness.CURRENT and await in_thread(
                partial(view.index_rest, INDEXED_AT_ONCE_MAX)
            ):
                pass
            await self._drop_old_versions(view)
            self._check_file()  # a reader may have found it damaged meanwhile
            self._is_indexed, self._is_rebuilt = True, False
            view.became_current(barrier.at_ms, barrier.marks)
            self._barrier, self._ask_again_s = None, now_s + self._settings.looks_every_s
            self.become(Freshness.CURRENT)
            self._save_sometimes(view, now_s)
        elif self.freshness is Freshness.CURRENT and now_s - barrier.asked_s > BEHIND_AFTER_S:
            self.become(Freshness.BEHIND)

    def _of_known_partitions(self, barrier: _Barrier) -> _Barrier:
        if barrier.ends.keys() - self._followed:
            log.info("a topic of memory has more partitions than before")
            raise _StartAgain
        return barrier

    def _ask_no_more(self) -> None:
        asking, self._asking = self._asking, None
        if asking is not None and not asking.cancel() and not asking.cancelled():
            asking.exception()  # nobody has a use for how it failed

    def _check_age(self, view: View) -> None:
        """Read anew what has not been read for longer than deletions are told of."""
        age_ms = self._settings.clock.now_ms() - view.current_ms()
        if self._kept.misses_deletions(age_ms):
            self._start_afresh(view, f"it was not read for {age_ms // 3_600_000} h")

    async def _drop_old_versions(self, view: View) -> None:
        """Let go of what the history keeps no more, so that old files say what new ones do."""
        before_ms = self._kept.oldest_ms(self._settings.clock.now_ms())
        if before_ms is not None:
            await in_thread(partial(drop_versions, view.database, before_ms, VERSIONS_AT_ONCE_MAX))

    # ---- what was forgotten, and snapshots

    async def _purge(self, view: View, *, again_at_once: bool) -> None:
        now_s = asyncio.get_running_loop().time()
        if not view.is_purge_due() or not (again_at_once or now_s >= self._purge_again_s):
            return
        if self._saving is not None:  # what it copies may be what has to go
            await asyncio.wait([self._saving])
        await self._log.settled()  # two at a time cannot write the log into the file
        await in_thread(self._folder.remove_unheld)
        self._snapshot_s = None
        if await in_thread(view.purge):
            self._purge_again_s = 0.0
            return
        if not self._purge_again_s:
            log.info("words that were forgotten are taken out once nobody reads")
        self._purge_again_s = asyncio.get_running_loop().time() + PURGE_AGAIN_S

    def _save_sometimes(self, view: View, now_s: float) -> None:
        """Copy the file now and then, while following goes on."""
        last, settings = self._snapshot_s, self._settings
        if settings.folder is None or self._saving is not None:
            return
        if self._unsaved < settings.saved_from or (
            last is not None and now_s - last < SNAPSHOT_EVERY_S
        ):
            return
        self._snapshot_s, self._unsaved = now_s, 0
        self._saving = asyncio.create_task(self._save(view), name="copy the view of memory")
        self._saving.add_done_callback(self._saved)

    async def _save(self, view: View) -> None:
        folder, namespace = self._folder.snapshots, self._settings.namespace
        try:
            await in_thread(partial(take_snapshot, view.path, folder, namespace))
        except StoreTooNew as error:
            self._too_new = error  # whoever follows ends with it, as one that opens the file does
        except (StoreDamaged, StoreUnusable, OSError) as error:
            log.warning("no snapshot of memory", why=str(error))
            if isinstance(error, StoreDamaged):
                self.damaged(error, view)

    def _saved(self, task: asyncio.Task[None]) -> None:
        del task
        self._saving = None


async def in_thread(work: Callable[[], R]) -> R:
    """Do work on a file in a thread; cancelled or not, it is over before this returns."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # whoever was cancelled has no use for how it failed


def _file_number(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino
    return None
