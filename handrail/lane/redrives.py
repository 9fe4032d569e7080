"""Which dead letters of one lane were sent back or given up, and what that means for their runs.

Guarantees: a dead letter is settled once; whoever opens the lane later knows it, for at least as
long as the letter itself is kept. An invocation that was sent back knows the letter that it came
from until it has ended, however long that takes.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from handrail.lane.journal import Entry, Kind, entry_key

KEPT_MS: Final = 30 * 86_400_000  #: as long as dead letters are
LOOK_AGAIN_MS: Final = 86_400_000  #: for one whose invocation has not ended by then
REDRIVE_COUNT_MAX: Final = 3  #: times that one handoff is sent back


class Settling(StrEnum):
    """What became of a dead letter."""

    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A dead letter that is no longer open."""

    dead: int  #: its offset
    invocation: str
    what: Settling
    answer: int  #: offset of the record that asked for it; below 0: its question was asked anew
    by: str
    person: str = ""  #: who has sent back what asked anew for this one, if that is known
    until_ms: int  #: remembered at least so long
    count: int = 0  #: how often its handoff was sent back, this time included
    runs: tuple[int, ...] = ()  #: the first step of each further run
    absorbed: bool = False  #: its gather or its asker was told that it is lost
    spent: str | None = None
    """What it had spent, where a question that was asked anew has brought a budget of its own."""

    @property
    def sent_back_by(self) -> str:
        """Whose rights it was judged by; empty where nobody is known.

        An agent that has asked anew for it is no person, and has no rights.
        """
        return self.person or ("" if self.answer < 0 else self.by)

    @property
    def key(self) -> bytes:
        """Its key in the journal."""
        return entry_key(self.invocation, Kind.REDRIVEN, self.dead)

    def run_of(self, step: int) -> int:
        """Say in which run a step of the handler is: the newest run that begins no later."""
        numbers = [number for number, first in enumerate(self.runs, 1) if first <= step]
        return max(numbers, default=0)

    @classmethod
    def given_up(cls, dead: int, invocation: str, by: str, answer: int, now_ms: int) -> "Settled":
        """Note that a letter was discarded, by whom, and by which record of the answers."""
        return cls(
            dead=dead,
            invocation=invocation,
            what=Settling.DISCARDED,
            answer=answer,
            by=by,
            until_ms=now_ms + KEPT_MS,
        )

    def entry(self, epoch: int, version: str, now_ms: int) -> Entry:
        """Give the record that remembers it."""
        facts: dict[str, object] = {**asdict(self), "what": str(self.what), "runs": [*self.runs]}
        del facts["dead"], facts["invocation"]
        return Entry(
            Kind.REDRIVEN, self.invocation, epoch, version, now_ms, part=self.dead, facts=facts
        )

    @classmethod
    def of(cls, entry: Entry) -> "Settled":
        """Read what `entry` gave."""
        facts = entry.facts
        runs = facts["runs"]
        assert isinstance(runs, list)
        return cls(
            dead=entry.part,
            invocation=entry.invocation,
            what=Settling(str(facts["what"])),
            answer=int(str(facts["answer"])),
            by=str(facts["by"]),
            person=str(facts.get("person", "")),
            until_ms=int(str(facts["until_ms"])),
            count=int(str(facts["count"])),
            runs=tuple(int(str(step)) for step in runs),  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
            absorbed=bool(facts["absorbed"]),
            spent=None if (spent := facts.get("spent")) is None else str(spent),
        )


class Redrives:
    """Not thread-safe; one owner, the lane."""

    def __init__(self) -> None:
        """Know of none; `restore` adds what the journal knows."""
        self.under_way: set[str] = set()  #: what is being sent back, and has not committed
        self._by_dead: dict[int, Settled] = {}
        self._newest: dict[str, Settled] = {}  # of each invocation that was sent back
        self._timers: list[tuple[int, int]] = []  # (when, dead letter), soonest first

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take over what the journal says."""
        for entry in entries:
            if entry.kind is Kind.REDRIVEN:
                self.put(Settled.of(entry))

    def put(self, settled: Settled) -> None:
        """Remember one."""
        self._by_dead[settled.dead] = settled
        heapq.heappush(self._timers, (settled.until_ms, settled.dead))
        newest = self._newest.get(settled.invocation)
        if settled.what is Settling.REDRIVEN and (newest is None or newest.dead < settled.dead):
            self._newest[settled.invocation] = settled

    def settled(self, dead: int) -> Settled | None:
        """Say what became of the dead letter at an offset; None while it is open."""
        return self._by_dead.get(dead)

    def of(self, invocation: str) -> Settled | None:
        """Give the dead letter that an invocation came from last."""
        return self._newest.get(invocation)

    def has_sent_back(self, invocation: str) -> bool:
        """Say whether an invocation comes from a dead letter."""
        return invocation in self._newest

    def due(self, now_ms: int, is_live: Callable[[str], bool]) -> list[bytes]:
        """Forget what is old enough; give the journal keys that go."""
        forgotten: list[bytes] = []
        while self._timers and self._timers[0][0] <= now_ms:
            _, dead = heapq.heappop(self._timers)
            settled = self._by_dead[dead]
            if is_live(settled.invocation):
                heapq.heappush(self._timers, (now_ms + LOOK_AGAIN_MS, dead))
                continue
            del self._by_dead[dead]
            if self._newest.get(settled.invocation) is settled:
                del self._newest[settled.invocation]
            forgotten.append(settled.key)
        return forgotten
