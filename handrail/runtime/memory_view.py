"""Keeps a view of memory in a process up to date, and answers from it once it holds what is wanted.

Guarantee: an answer holds everything that was written before the wanted positions, or the question
raises StaleView. A file that is damaged, deleted or too old is filled anew from the topics while
the process runs; meanwhile questions wait, and raise StaleView past their time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from handrail.bus.port import Bus, Tail
from handrail.contract.memory_reader import NEWEST, AsOf, Found
from handrail.errors import BrokerUnreachable, StaleView, TopicsMissing
from handrail.errors.store import StoreDamaged
from handrail.memory.opening import Opener
from handrail.memory.reading import Asker, Reader
from handrail.memory.view import Position, View, mark_of
from handrail.runtime.clock import Clock, WallClock
from handrail.wire.memory import HISTORY, AppliedMark, Positions, StoredRecord
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger("handrail.memory")

R = TypeVar("R")

WAIT_S = 0.25  #: how long a question waits for what it wants to be here
BATCH_RECORDS_MAX = 2_000
INDEXED_AT_ONCE_MAX = 2_000
POLL_S = 0.25
BARRIER_EVERY_S = 30.0  #: how often the ends of the topics are asked for
BEHIND_AFTER_S = 10.0  #: without reaching the ends that were asked for
AGAIN_S = 1.0  #: after the broker could not be reached
START_S_MAX = 120.0  #: how long a start waits for the first filling
DELETED_KEPT_MS = 7 * 86_400_000  #: how long a compacted topic of ours shows what was deleted
AGE_MARGIN_MS = 3_600_000  #: before that, since filling takes a while


class Freshness(StrEnum):
    """Whether a view may be believed."""

    LOADING = "loading"  #: replaying; reads wait
    CURRENT = "current"  #: everything written before the last barrier is visible
    BEHIND = "behind"  #: replay timed out; reads may miss facts, and say so


class _StartAgain(Exception):  # a turn of the loop, never seen outside
    """The file was emptied, or is not the one we opened any more."""


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """What a view shows, and where its file lies."""

    namespace: str
    spaces: Sequence[str]
    path: Path  #: of its file, which no other process uses
    opener: Opener | None = None  #: of sealed records, so that their words are found
    clock: Clock = field(default_factory=WallClock)


@dataclass(frozen=True, slots=True)
class _Barrier:
    """Ends of all partitions at a time: once they are reached, all from before is here."""

    ends: Mapping[TopicPartition, int]
    marks: Mapping[int, AppliedMark]
    at_ms: int
    asked_s: float  #: by the event loop's clock


class MemoryView:
    """The view of one process. Every method belongs to the event loop's thread."""

    def __init__(self, bus: Bus, settings: ViewSettings) -> None:
        """Know nothing yet."""
        self._bus = bus
        self._settings = settings
        self._view: View | None = None
        self._readers: list[Reader] = []
        self._searching = asyncio.Lock()
        self._moved = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._barrier: _Barrier | None = None
        self._ask_again_s = 0.0
        self._damage: StoreDamaged | None = None
        self._file: int | None = None
        self.freshness = Freshness.LOADING

    async def start(self) -> None:
        """Fill the file up to the ends as they are now, and go on following.

        Returns too when that takes longer than two minutes; then it says that it is behind.
        Raises TopicsMissing, and what ends the following.
        """
        counts = await self._bus.admin.topics()
        missing = [topic for topic in self._topics() if topic not in counts]
        if missing:
            raise TopicsMissing(count=len(missing), topics=", ".join(sorted(missing)))
        self._following = asyncio.create_task(self._follow(), name="follow memory")
        started = asyncio.create_task(self._until(lambda: self.freshness is Freshness.CURRENT))
        done, _ = await asyncio.wait(
            {started, self._following}, timeout=START_S_MAX, return_when=asyncio.FIRST_COMPLETED
        )
        started.cancel()
        if not done:
            self._become(Freshness.BEHIND)
        self.check_alive()

    def check_alive(self) -> None:
        """Raise what ended the following, if anything has."""
        if self._following is not None and self._following.done():
            self._following.result()

    async def close(self) -> None:
        """Stop following and give back the file."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        self._shut()

    def holds(self, wanted: Positions) -> bool:
        """Say whether everything that these commands have written is here."""
        view = self._view
        return view is not None and self._readable and view.holds(wanted)

    async def wait_for(self, wanted: Positions, *, within_s: float = WAIT_S) -> None:
        """Return once everything that these commands have written is here. Raises StaleView."""
        try:
            async with asyncio.timeout(within_s):
                await self._until(lambda: self.holds(wanted))
        except TimeoutError:
            view = self._view
            lacking = None if view is None else view.progress.missing(wanted)
            partition, at, offset = lacking or (0, "its beginning", "everything")
            raise StaleView(
                partition=partition, at=at, wanted=offset, within=f"{within_s * 1000:.0f} ms"
            ) from None

    async def get(
        self, space: str, key: str, *, wanted: Positions, as_of: AsOf = NEWEST, person: bool = False
    ) -> StoredRecord | None:
        """Give a version of the record of a full key; None when there is none."""
        asker = self._asker(person=person)
        return await self._ask(wanted, lambda one: one.get(space, key, asker, as_of))

    async def history(
        self, space: str, key: str, *, wanted: Positions, person: bool = False
    ) -> Sequence[StoredRecord]:
        """Give every version that is still kept, oldest first; the removals only to people."""
        asker = self._asker(person=person)
        return await self._ask(wanted, lambda one: one.history(space, key, asker))

    async def search(
        self, space: str, prefix: str, text: str, k: int, *, wanted: Positions
    ) -> Sequence[Found]:
        """Give up to `k` records whose full key begins with `prefix` and that match, best first."""
        asker = self._asker(person=False)
        return await self._ask(wanted, lambda one: one.search(space, prefix, text, k, asker))

    def _asker(self, *, person: bool) -> Asker:
        return Asker(self._settings.clock.now_ms(), is_person=person)

    async def _ask(self, wanted: Positions, question: Callable[[Reader], R]) -> R:
        await self.wait_for(wanted)
        try:
            return question(self._readers[0])
        except StoreDamaged as damage:
            # The follower sees to it; whoever asks again is answered from the new file.
            self._damage = damage
            self._become(Freshness.LOADING)
            raise StaleView(
                partition=0, at="its beginning", wanted="everything", within="a damaged file"
            ) from damage

    # ---- inside

    @property
    def _readable(self) -> bool:
        return bool(self._readers) and self.freshness is not Freshness.LOADING

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._moved.wait()

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _become(self, freshness: Freshness) -> None:
        if freshness is not self.freshness:
            log.info("view of memory", freshness=freshness.value)
        self.freshness = freshness
        self._tell()

    def _topics(self) -> list[str]:
        namespace = self._settings.namespace
        spaces = [f"{namespace}.memory.{space}" for space in self._settings.spaces]
        return [*spaces, f"{namespace}.{HISTORY}"]

    async def _follow(self) -> None:
        while True:
            try:
                await self._fill_and_follow()
            except _StartAgain:
                self._become(Freshness.LOADING)
            except StoreDamaged as damage:
                log.warning("view of memory is filled anew", why=damage.why)
                self._become(Freshness.LOADING)
                if self._view is not None:
                    self._view.rebuild()
            except BrokerUnreachable as error:
                log.warning("memory is not read", why=str(error))
                if self.freshness is Freshness.CURRENT:
                    self._become(Freshness.BEHIND)
                await asyncio.sleep(AGAIN_S)

    async def _fill_and_follow(self) -> None:
        view = self._open()
        barrier = self._barrier = await self._ask_ends(view)
        again = self._places_to_compare(view, barrier)
        beginning = view.beginning()
        tail = await self._bus.tail(await self._starts(view))
        try:
            await self._read(view, tail, beginning, again)
        finally:
            await tail.close()

    def _open(self) -> View:
        settings = self._settings
        self._damage = None
        self._shut()
        view = View(settings.path, settings.namespace, settings.spaces, settings.opener)
        self._view = view
        self._readers = [Reader(settings.path)]
        self._file = _file_number(settings.path)
        now_ms, current_ms = settings.clock.now_ms(), view.current_ms()
        if current_ms and not 0 <= now_ms - current_ms <= DELETED_KEPT_MS - AGE_MARGIN_MS:
            # What was deleted since may not be told of any more.
            log.warning("view of memory is too old and is filled anew", current_ms=current_ms)
            view.empty()
        return view

    async def _ask_ends(self, view: View) -> _Barrier:
        at_ms, asked_s = self._settings.clock.now_ms(), asyncio.get_running_loop().time()
        marks = dict(view.progress.marks)
        ends: dict[TopicPartition, int] = {}
        for topic in self._topics():
            for partition, (_, end) in (await self._bus.admin.offsets(topic)).items():
                ends[TopicPartition(topic, partition)] = end
        return _Barrier(ends, marks, at_ms, asked_s)

    def _places_to_compare(self, view: View, barrier: _Barrier) -> dict[TopicPartition, Position]:
        places = view.positions()
        for where, place in places.items():
            if where not in barrier.ends or place.next > barrier.ends[where]:
                self._start_afresh(view, f"{where.topic}[{where.partition}] ends earlier")
        return places

    def _start_afresh(self, view: View, reason: str) -> None:
        log.warning("memory is another one than before; filled anew", reason=reason)
        view.empty()
        raise _StartAgain

    async def _starts(self, view: View) -> dict[TopicPartition, int]:
        places, starts = view.positions(), dict[TopicPartition, int]()
        for topic in self._topics():
            for partition, (first, _) in (await self._bus.admin.offsets(topic)).items():
                where = TopicPartition(topic, partition)
                # The last record is read again, to see whether it still is the same.
                starts[where] = max(first, places[where].last) if where in places else first
        return starts

    async def _read(
        self, view: View, tail: Tail, beginning: str, again: dict[TopicPartition, Position]
    ) -> None:
        while True:
            records = await tail.poll(timeout_s=POLL_S, records_max=BATCH_RECORDS_MAX)
            self._check_file()
            if records:
                self._compare(view, records, again)
                index = self.freshness is not Freshness.LOADING
                take = partial(view.take, records, beginning, index=index)
                if await _InThread(take).result() is None:
                    raise _StartAgain
                self._tell()
            await _InThread(view.purge).result()
            await self._see_to_barrier(view, tail)

    async def _see_to_barrier(self, view: View, tail: Tail) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._barrier is None and now_s >= self._ask_again_s:
            self._barrier = await self._ask_ends(view)
        barrier = self._barrier
        if barrier is None:
            return
        if all(tail.position(where) >= end for where, end in barrier.ends.items()):
            while await _InThread(lambda: view.index_rest(INDEXED_AT_ONCE_MAX)).result():
                pass
            view.became_current(barrier.at_ms, barrier.marks)
            self._become(Freshness.CURRENT)
            self._barrier = None
            self._ask_again_s = now_s + BARRIER_EVERY_S
        elif self.freshness is Freshness.CURRENT and now_s - barrier.asked_s > BEHIND_AFTER_S:
            self._become(Freshness.BEHIND)

    def _check_file(self) -> None:
        if self._damage is not None:
            raise self._damage
        if _file_number(self._settings.path) != self._file:
            log.warning("view of memory was deleted; filled anew", file=str(self._settings.path))
            raise _StartAgain

    def _compare(
        self, view: View, records: Sequence[Record], again: dict[TopicPartition, Position]
    ) -> None:
        for record in records:
            place = again.pop(record.where, None)
            # A later offset says nothing: compaction may have taken the record away.
            if place is not None and record.offset == place.last and mark_of(record) != place.mark:
                self._start_afresh(view, f"offset {record.offset} of {record.topic} differs")

    def _shut(self) -> None:
        for reader in self._readers:
            reader.close()
        self._readers = []
        if self._view is not None:
            self._view.close()
            self._view = None


class _InThread:
    """Work on the file in a thread; cancelled or not, it is over before anybody closes the file."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = asyncio.ensure_future(asyncio.to_thread(work))

    async def result(self) -> object:
        try:
            return await asyncio.shield(self._work)
        finally:
            await asyncio.wait({self._work})
            self._work.exception()


def _file_number(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino
    return None
