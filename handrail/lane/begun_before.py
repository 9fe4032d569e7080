"""What an owner before has begun of a lane and has not ended, and who waits until that is read.

What has begun stays the first of its key whoever opens the lane, so that of a key one runs at a
time. Some of it rests in the journal; the rest the inbox brings again, in the order of the offsets.
What was sent back rests in the journal, wherever its place in that order is. So it is early until
the inbox has brought what had begun, and all that stands before it.
"""

import heapq
from collections.abc import Callable, Iterable

from handrail.lane.invocation import Invocation
from handrail.lane.journal import STEP_KINDS, Entry, Kind


class BegunBefore:
    """Not thread-safe; one owner, the lane."""

    def __init__(self) -> None:
        """Know of nothing; `restore` adds what the journal knows."""
        self._to_come: set[str] = set()
        self._early: list[tuple[int, int, Invocation]] = []  # by offset, the first one first
        self._came_count = 0  # of those: two may have one offset, and nothing else orders them

    def restore(self, entries: Iterable[Entry], is_redriven: Callable[[str], bool]) -> None:
        """Learn from the journal what has begun.

        The steps of what was sent back may be those that it had recorded before it died. It has
        begun again only when its start is on record.
        """
        for entry in entries:
            match entry.kind:
                case Kind.ACCEPTED:
                    begun = True
                case Kind.PARKED:
                    begun = entry.facts["why"] == "running"
                case kind:
                    begun = kind in STEP_KINDS and not is_redriven(entry.invocation)
            if begun:
                self._to_come.add(entry.invocation)

    def awaits(self, invocation: str) -> bool:
        """Say whether this one has begun, and the inbox is to bring it again."""
        return invocation in self._to_come

    def came(self, invocation: Invocation) -> None:
        """One is about to be queued: say of it whether it has begun, and whether it is early."""
        if invocation.id in self._to_come:
            invocation.has_begun = True
            self._to_come.discard(invocation.id)
        elif invocation.redriven is not None and invocation.gather is None:
            invocation.is_early = True
            self._came_count += 1
            heapq.heappush(self._early, (invocation.offset, self._came_count, invocation))

    def gone(self, invocation: str) -> None:
        """One has ended as soon as the inbox had brought it again."""
        self._to_come.discard(invocation)

    def let_go(self, read_below: int, *, reads_no_more: bool) -> Iterable[Invocation]:
        """Give those that are early no more, now that the inbox was read below this offset.

        While the inbox `reads_no_more` until something ends, they cannot wait for what it brings.
        """
        free: list[Invocation] = []
        if self._to_come and not reads_no_more:
            return free
        while self._early and (reads_no_more or self._early[0][0] < read_below):
            invocation = heapq.heappop(self._early)[2]
            invocation.is_early = False
            free.append(invocation)
        return free
