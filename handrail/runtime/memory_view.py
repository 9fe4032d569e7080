"""Answers from the view of memory in a process, once it holds what is wanted.

Guarantee: an answer holds everything that was written before the wanted positions, or the question
raises StaleView. While the view is filled, questions wait, and raise StaleView past their time.
Implements `MemoryReader`, and `Pages`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from handrail.bus.port import Bus
from handrail.contract.memory_reader import NEWEST, AsOf, Found
from handrail.errors import StaleView, TopicsMissing
from handrail.errors.store import StoreDamaged
from handrail.memory.listing import Within
from handrail.memory.reading import Asker, Reader
from handrail.memory.view import View
from handrail.runtime.memory_follower import Follower
from handrail.runtime.memory_settings import Freshness, ViewSettings
from handrail.wire.memory import NOTHING_WRITTEN, Positions, StoredRecord

__all__ = ["Freshness", "MemoryView", "ViewSettings"]

R = TypeVar("R")

START_S_MAX: Final = 120.0  #: how long a start waits for the first filling


class MemoryView:
    """The view of one process. Every method belongs to the event loop's thread."""

    def __init__(self, bus: Bus, settings: ViewSettings) -> None:
        """Know nothing yet."""
        self._bus = bus
        self._settings = settings
        self._changed = asyncio.Event()
        self._follower = Follower(bus, settings, self._tell)
        self._following: asyncio.Task[None] | None = None
        self._reader: Reader | None = None
        self._read_from: View | None = None  #: the filling whose file the reader has open

    async def start(self, *, within_s: float = START_S_MAX) -> None:
        """Fill the file up to the ends as they are now, and go on following.

        Returns too when that takes longer than `within_s`; then it says that it is behind, or
        loading where its file was damaged, for that is not believed before it is filled anew.
        Raises TopicsMissing, BrokerUnreachable, and what ends the following.
        """
        counts = await self._bus.admin.topics()
        missing = [topic for topic in self._settings.topics if topic not in counts]
        if missing:
            raise TopicsMissing(count=len(missing), topics=", ".join(sorted(missing)))
        self._following = asyncio.create_task(self._follower.run(), name="follow memory")
        self._following.add_done_callback(lambda _: self._tell())
        try:
            async with asyncio.timeout(within_s):
                await self._until(lambda: self.freshness is Freshness.CURRENT or self._has_ended)
        except TimeoutError:
            self._follower.is_late()
        self.check_alive()

    @property
    def freshness(self) -> Freshness:
        """Whether it may be believed."""
        return self._follower.freshness

    @property
    def file(self) -> Path:
        """The file that it has filled; for whoever reads all of it."""
        view = self._follower.view
        assert view is not None, "a view that was started has a file"
        return view.path

    async def of_file(self, question: Callable[[Path], Awaitable[R]]) -> R:
        """Ask something of all of the file; where it is damaged, once more of what is filled anew.

        Filling it is waited for, however long that takes. Raises StoreDamaged where that one is
        damaged too, and what ends the following.
        """
        view = self._follower.view
        try:
            return await question(self.file)
        except StoreDamaged as damage:
            self._follower.damaged(damage, view)
        await self.until_current()
        return await question(self.file)

    def check_alive(self) -> None:
        """Raise what ended the following, if anything has."""
        if self._following is not None and self._following.done():
            self._following.result()

    async def until_current(self) -> None:
        """Return once all is here, however long that takes. Raises what ends the following.

        For whoever takes what is not here for what is not there. The broker is waited for too.
        """
        await self._until(lambda: self.freshness is Freshness.CURRENT or self._has_ended)
        self.check_alive()

    def check_current(self) -> None:
        """Raise StaleView unless all is here that was written before it was last looked.

        For whoever says that something is not there, or does what rests on it.
        """
        if self.freshness is not Freshness.CURRENT:
            raise self._stale(NOTHING_WRITTEN, START_S_MAX)

    async def close(self) -> None:
        """Stop following and give back the file."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        self._drop_reader()

    def holds(self, wanted: Positions) -> bool:
        """Say whether everything that these commands have written is here."""
        view = self._follower.view
        return view is not None and self.freshness is not Freshness.LOADING and view.holds(wanted)

    async def wait_for(self, wanted: Positions, *, within_s: float | None = None) -> None:
        """Return once everything that these commands have written is here. Raises StaleView."""
        if self.holds(wanted):
            return
        patience_s = self._settings.patience_s if within_s is None else within_s
        try:
            async with asyncio.timeout(patience_s):
                await self._until(lambda: self.holds(wanted))
        except TimeoutError:
            raise self._stale(wanted, patience_s) from None

    async def get(
        self, space: str, key: str, *, wanted: Positions, as_of: AsOf = NEWEST, person: bool = False
    ) -> StoredRecord | None:
        """Give a version of the record of a full key; None when there is none."""
        asker = self._asker(person=person)
        return await self._ask(wanted, lambda reader: reader.get(space, key, asker, as_of))

    async def history(
        self, space: str, key: str, *, wanted: Positions, person: bool = False
    ) -> Sequence[StoredRecord]:
        """Give every version that is still kept, oldest first; the removals only to people."""
        asker = self._asker(person=person)
        return await self._ask(wanted, lambda reader: reader.history(space, key, asker))

    async def search(
        self, space: str, prefix: str, text: str, k: int, *, wanted: Positions
    ) -> Sequence[Found]:
        """Give up to `k` records whose full key begins with `prefix` and that match, best first."""
        asker = self._asker(person=False)
        return await self._ask(wanted, lambda reader: reader.search(space, prefix, text, k, asker))

    async def page(self, space: str, within: Within, after: str) -> Sequence[StoredRecord]:
        """Give the next records after a full key, as people see them; none at the end."""
        await asyncio.sleep(0)  # whoever follows goes on between two pages
        now_ms = self._settings.clock.now_ms()
        return await self._ask(
            NOTHING_WRITTEN, lambda reader: reader.page(space, within, after, now_ms)
        )

    async def count(self, space: str, within: Within) -> int:
        """Count the records that are there, whatever their keys, as people see them."""
        now_ms = self._settings.clock.now_ms()
        return await self._ask(NOTHING_WRITTEN, lambda reader: reader.count(space, within, now_ms))

    # ---- inside

    def _asker(self, *, person: bool) -> Asker:
        return Asker(self._settings.clock.now_ms(), is_person=person)

    async def _ask(self, wanted: Positions, question: Callable[[Reader], R]) -> R:
        await self.wait_for(wanted)
        # Nothing is awaited from here on, so that what was waited for is what is read.
        try:
            return question(self._reader_of_now())
        except StoreDamaged as damage:
            # The follower sees to it; whoever asks again is answered from the new file.
            self._follower.damaged(damage, self._follower.view)
            raise self._stale(NOTHING_WRITTEN, self._settings.patience_s) from damage

    def _reader_of_now(self) -> Reader:
        view = self._follower.view
        if self._reader is None or self._read_from is not view:
            self._drop_reader()
            self._reader, self._read_from = Reader(self._follower.path), view
        return self._reader

    def _drop_reader(self) -> None:
        reader, self._reader, self._read_from = self._reader, None, None
        if reader is not None:
            reader.close()

    @property
    def _has_ended(self) -> bool:
        return self._following is not None and self._following.done()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _tell(self) -> None:
        if self._follower.view is not self._read_from:
            self._drop_reader()
        self._changed.set()
        self._changed = asyncio.Event()

    def _stale(self, wanted: Positions, within_s: float) -> StaleView:
        view = self._follower.view
        lacking = None if view is None else view.progress.missing(wanted)
        partition, at, offset = lacking or (0, "its beginning: it is being read", "all of it")
        within = f"{within_s * 1000:.0f} ms"
        return StaleView(partition=partition, at=at, wanted=offset, within=within)
