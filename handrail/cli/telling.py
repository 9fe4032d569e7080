"""In which order a running task is told: as it happens, but what was asked before what came of it.

Guarantees: each event is given at most once, however often the file is folded anew.
"""

from collections.abc import Sequence

from handrail.ledger.event import Accepted, Rejected, Submitted
from handrail.ledger.queries import Told, asked_first


class Telling:
    """What was told of one task so far."""

    def __init__(self, *, whole: bool) -> None:
        """With `whole`, a program reads: nothing is left out, however late it comes."""
        self.told: list[Told] = []  #: in the order of the telling; emptied when folded anew
        self._whole = whole
        self._known: set[tuple[int, int]] = set()
        self._given: set[tuple[int, int]] = set()

    def take(self, events: Sequence[Told]) -> list[Told]:
        """Take all events of the task, in the ledger's order; give those to be told now.

        A person who has read that a task was taken in is not told any more that it was submitted.
        """
        if not self._known <= {_place(one) for one in events}:
            self.told, self._known = [], set()
        judged = {_judged(one) for one in self.told} - {None}
        fresh: list[Told] = []
        for one in asked_first(events):
            place = _place(one)
            if place in self._known:
                continue
            self._known.add(place)
            late = isinstance(one.event, Submitted) and one.event.ce_id in judged
            if late and not self._whole:
                continue
            self.told.append(one)
            if place not in self._given:
                self._given.add(place)
                fresh.append(one)
        return fresh


def _place(one: Told) -> tuple[int, int]:
    return one.partition, one.offset


def _judged(one: Told) -> str | None:
    return one.event.ce_id if isinstance(one.event, Accepted | Rejected) else None
