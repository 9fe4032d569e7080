"""The invocations of one lane that rest, and when each goes on at the latest."""

import heapq
from collections.abc import Iterator

from handrail.lane.invocation import CAME_BY_ITSELF, JUDGED_ANEW, Invocation, Stage, Why
from handrail.lane.journal import Entry
from handrail.lane.resting import take_up


class Rests:
    """Not thread-safe; one owner, the lane."""

    def __init__(self) -> None:
        """Hold none."""
        self._all: dict[str, Invocation] = {}
        self._wakes: list[tuple[int, str]] = []  # (when, invocation), soonest first

    def __iter__(self) -> Iterator[Invocation]:
        """Give those that rest now."""
        return iter(tuple(self._all.values()))

    def __len__(self) -> int:
        """How many rest."""
        return len(self._all)

    def of(self, invocation_id: str) -> Invocation | None:
        """Give one that rests."""
        return self._all.get(invocation_id)

    def begin(self, invocation: Invocation, why: Why, wake_ms: int | None) -> None:
        """Let one rest; a doubt outlives its task's deadline, nothing else does."""
        deadline_ms = invocation.deadline_ms
        if why is not Why.IN_DOUBT and deadline_ms is not None:
            wake_ms = deadline_ms if wake_ms is None else min(wake_ms, deadline_ms)
        invocation.stage = Stage.RESTING
        standing = invocation.standing
        came = why in CAME_BY_ITSELF
        invocation.standing = standing.rested() if came else standing.unfinished()
        invocation.why, invocation.wake_ms = why, wake_ms
        self._all[invocation.id] = invocation
        if wake_ms is not None:
            heapq.heappush(self._wakes, (wake_ms, invocation.id))

    def go_on(self, invocation: Invocation, accepted: Entry, *, is_first: bool, asks: bool) -> None:
        """Let one rest on as its ACCEPTED says, unless it can start at once.

        That is what has its answer, as it no longer `asks`, and what whoever opens the lane judges
        anew. Behind another of its key it waits for that one, whatever it waited for before.
        """
        why, wake_ms = take_up(invocation, accepted)
        settled = why in (Why.ANSWER, Why.PERSON) and not asks
        if is_first and not settled and why is not None and why not in JUDGED_ANEW:
            self.begin(invocation, why, wake_ms)

    def end(self, invocation: Invocation) -> bool:
        """Let one rest no longer; False when it did not."""
        if self._all.pop(invocation.id, None) is None:
            return False
        invocation.why = invocation.wake_ms = None
        invocation.stage = Stage.WAITING
        return True

    @property
    def next_wake_ms(self) -> int | None:
        """When the next one is to go on; None when none has a time."""
        while self._wakes:
            wake_ms, invocation_id = self._wakes[0]
            invocation = self._all.get(invocation_id)
            if invocation is not None and invocation.wake_ms == wake_ms:
                return wake_ms
            heapq.heappop(self._wakes)
        return None

    def due(self, now_ms: int) -> Iterator[Invocation]:
        """Give those whose time has come; each is to be ended before the next is asked for."""
        while (wake_ms := self.next_wake_ms) is not None and wake_ms <= now_ms:
            yield self._all[self._wakes[0][1]]
