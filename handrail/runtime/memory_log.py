"""Brings the write-ahead log of a view into its file, while folding goes on.

The disk is told to keep both, which may take it longer than a read may wait. SQLite does so after
1,000 pages, about sixty small batches, within the commit that reaches them. Here it is done by a
thread through a connection of its own; only what was written meanwhile, some pages, is brought in
while folding waits, for the log begins anew only once nothing of it is left.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from handrail.errors.store import StoreDamaged, StoreUnusable
from handrail.memory.view import View
from handrail.store.sqlite import bring_log_in

log = structlog.get_logger("handrail.memory")

LOG_PAGES_MAX: Final = 8_192  #: 32 MiB, some hundred small batches


class ViewLog:
    """The log of the view that a process folds into. Belongs to the event loop's thread."""

    def __init__(
        self, pages_max: int = LOG_PAGES_MAX, bring_in: Callable[[Path], None] = bring_log_in
    ) -> None:
        """Begin with a log that holds nothing."""
        self._pages_max = pages_max
        self._bring_log_in = bring_in
        self._left_pages = 0  #: that could not be brought in, since somebody reads from them
        self._bringing: asyncio.Task[None] | None = None

    async def see_to(self, view: View) -> None:
        """After a batch: begin to bring the log in once it is long, and end what was begun."""
        pages = view.database.log_pages
        if self._bringing is not None:
            if self._bringing.done():
                await self.settled()
                await self._bring_in(view.path)
                self._left_pages = pages
            return
        left_pages = self._left_pages if pages >= self._left_pages else 0
        if pages - left_pages >= self._pages_max:
            self._bringing = asyncio.create_task(self._bring_in(view.path), name="log of a view")

    async def settled(self) -> None:
        """Wait until nothing is brought in any more."""
        bringing, self._bringing = self._bringing, None
        if bringing is not None:
            await asyncio.wait([bringing])

    async def _bring_in(self, path: Path) -> None:
        try:
            await asyncio.to_thread(partial(self._bring_log_in, path))
        except (StoreDamaged, StoreUnusable) as error:
            # Nothing is lost with it: the log is read as well. What is damaged, folding finds too.
            log.warning("log of the view of memory stays long", why=str(error))
