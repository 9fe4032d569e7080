"""Hands what a lane has decided to its committer, and keeps an eye on work beside its handlers.

Everything that belongs together goes over as one item: records, ledger events, journal records and
finished offsets, all or nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from handrail.errors.transport import RecordRefused
from handrail.lane.decision import End, Rest
from handrail.lane.journal import Entry, encode_entry, tombstone
from handrail.lane.lane import Lane
from handrail.ledger.event import Event
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.saying import Saying
from handrail.wire.record import Outgoing

ENDS_WITHIN_S = 5.0  #: how long work beside handlers may take to let go


class Handing:
    """What one open lane hands to its committer."""

    def __init__(self, place: LanePlace, lane: Lane, committer: Committer, saying: Saying) -> None:
        """Set the callbacks before anything is handed over."""
        self.trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_room: Callable[[], None] = lambda: None  #: called when something has committed
        self.on_end: Callable[[], None] = lambda: None  #: called when a key has become free
        self._journal = place.journal
        self._lane = lane
        self._committer = committer
        self._saying = saying
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def hand(
        self,
        records: Sequence[Outgoing],
        events: Sequence[Event],
        offsets: Sequence[int] = (),
        entries: Sequence[Entry] = (),
        removed: Sequence[bytes] = (),
    ) -> None:
        """Hand over records, events, journal records and finished offsets."""
        self._committer.hand(
            Item(
                [*records, *self._journaled(entries, removed), *self._said(events)],
                tuple(offsets),
                on_committed=lambda _: self.on_room(),
            )
        )

    def hand_end(
        self,
        end: End,
        records: Sequence[Outgoing],
        events: Sequence[Event],
        on_refused: Callable[[RecordRefused], None] | None = None,
        commands: Sequence[Outgoing] = (),
    ) -> None:
        """Hand over the end of an invocation; its records say where its commands stand."""

        def ended(_: Sequence[int]) -> None:
            if not end.offsets:
                self._lane.handed_count -= 1
            self.on_room()

        own = self._journaled(end.entries, end.removed)
        self._committer.hand(
            Item(
                [*records, *own, *self._said(events)],
                tuple(end.offsets),
                ended,
                on_refused,
                commands=commands,
                followers=len(records),
            )
        )
        self.on_end()

    def hand_rest(
        self,
        rest: Rest,
        events: Sequence[Event] = (),
        removed: Sequence[bytes] = (),
        records: Sequence[Outgoing] = (),
    ) -> None:
        """Hand over that invocations rest, and what belongs to it."""

        def rested(_: Sequence[int]) -> None:
            self._lane.rested(rest)
            self.on_room()

        own = self._journaled(rest.entries, removed)
        self._committer.hand(
            Item([*records, *own, *self._said(events)], tuple(rest.offsets), rested)
        )
        self.on_end()

    # ---- beside

    @property
    def aside_count(self) -> int:
        """How much work beside handlers is under way."""
        return len(self._side_tasks)

    def aside(self, work: Coroutine[object, object, None]) -> None:
        """Do something beside the handlers; what it raises ends the lane, which opens anew.

        Once the lane is let go nothing begins any more: whoever opens it next sees to it.
        """
        if self._is_closing:
            work.close()
            return

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - told to the lane, which opens anew
                self.tell_trouble(error)

        task = asyncio.create_task(run(), name=f"beside {self._journal.topic}")
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
        # Cancelled before it began, the task has never come to its work, which nobody else ends.
        task.add_done_callback(lambda _: work.close())

    def tell_trouble(self, error: Exception) -> None:
        """End the lane because of this; the first one counts."""
        if not self.trouble.done():
            self.trouble.set_exception(error)

    async def close(self, handlers: Sequence["asyncio.Task[None]"]) -> None:
        """Cancel these handlers and all work beside them, and wait until they have let go."""
        # A handler that is cut off would begin what waits for a committer that has ended.
        self._is_closing = True
        tasks = [*handlers, *self._side_tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)
        if not self.trouble.done():
            self.trouble.cancel()

    # ---- inside

    def _journaled(self, entries: Sequence[Entry], removed: Sequence[bytes]) -> list[Outgoing]:
        gone = [tombstone(key, self._journal) for key in removed]
        return [*gone, *(encode_entry(entry, self._journal) for entry in entries)]

    def _said(self, events: Sequence[Event]) -> list[Outgoing]:
        return [self._saying.record(event) for event in events]
