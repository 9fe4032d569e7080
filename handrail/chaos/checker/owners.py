"""Which process had a lane when something was written, and which faults had struck that process.

A journal names each life of a process by a word of its own. Whose life it was follows from what
the process has told the provider under its licences, and the ledger with its ends.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from handrail.chaos.checker.reading import Line, Reading
from handrail.chaos.history import Happening, History, Phase
from handrail.lane.journal import Kind
from handrail.ledger.happened import AtLane
from handrail.wire.priority import without_priority
from handrail.wire.record import TopicPartition

#: A process that goes on has acted on what it was about to do when it was stopped.
THAWING_MS = 5_000
BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Spell:
    """One fault from its beginning to its end; without an end, its beginning alone."""

    fault: str
    target: str
    from_ms: int
    until_ms: int

    def touches(self, from_ms: int, until_ms: int) -> bool:
        """Whether any of it fell into a stretch of time."""
        return self.from_ms <= until_ms and self.until_ms >= from_ms


@dataclass(frozen=True, slots=True)
class Process:
    """A process as far as it is known: its place in the team, or only its agent."""

    agent: str
    place: str = ""  #: as faults name it; empty where nobody knows

    @classmethod
    def of(cls, process: str, agent: str) -> "Process":
        """Read the name that a process gave itself, PLACE or PLACE/NUMBER."""
        return cls(without_priority(agent), process.partition("/")[0])

    def is_struck_by(self, target: str) -> bool:
        """Whether a fault with this target is this process's; where unsure, its agent's."""
        if self.place:
            return target == self.place
        return is_of(target, self.agent)


def is_of(place: str, agent: str) -> bool:
    """Whether a place in the team is an agent's: the first has its name, others NAME-NUMBER."""
    return place == agent or place.startswith(f"{agent}-")


@lru_cache(maxsize=4)
def spells(history: History) -> Sequence[Spell]:
    """Give every fault with its end, in the order of their beginnings."""
    found: list[Spell] = []
    begun: dict[tuple[str, str], int] = {}
    for one in history.faults:
        what = (one.fault, one.target)
        if one.phase is Phase.ENDED:
            found.append(Spell(*what, begun.pop(what, one.time_ms), one.time_ms))
            continue
        if what in begun:
            found.append(Spell(*what, begun[what], begun[what]))
        begun[what] = one.time_ms
    found += [Spell(*what, from_ms, from_ms) for what, from_ms in begun.items()]
    return sorted(found, key=lambda one: one.from_ms)


def spells_of(history: History, process: Process, kinds: Collection[str]) -> Iterator[Spell]:
    """Give the faults of these kinds that struck a process itself."""
    for one in spells(history):
        if one.fault in kinds and process.is_struck_by(one.target):
            yield one


class Owners:
    """Who had each lane at which time."""

    def __init__(self, here: Reading) -> None:
        """Find nothing out yet."""
        self._here = here

    def of(self, line: Line) -> Process:
        """Give the process that had the lane when a record of its journal was written."""
        return Process.of(self._places.get(self._life(line), ""), line.agent)

    def _life(self, line: Line) -> str:
        offsets, lives = self._lives.get(line.record.where, ([], []))
        at = bisect_right(offsets, line.record.offset)
        return lives[at - 1] if at else ""

    @cached_property
    def _lives(self) -> Mapping[TopicPartition, tuple[list[int], list[str]]]:
        """By journal partition: where records name the life that wrote them, and which it was."""
        found: dict[TopicPartition, tuple[list[int], list[str]]] = {}
        for line, entry in self._here.entries(Kind.PROGRESS):
            offsets, lives = found.setdefault(line.record.where, ([], []))
            offsets.append(line.record.offset)
            lives.append(str(entry.facts.get("owner", "")))
        return found

    @cached_property
    def _places(self) -> Mapping[str, str]:
        """By life: the name under which most of what it did was done."""
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for key, licences in self._here.intents.items():
            acts = [
                one for one in self._here.effects.get(key, ()) if one.happened is Happening.BEGUN
            ]
            for (line, entry), after in zip(licences, [*licences[1:], None], strict=True):
                until_ms = None if after is None else after[1].written_ms
                for act in acts:
                    meant = entry.written_ms <= act.time_ms
                    if meant and (until_ms is None or act.time_ms < until_ms) and act.process:
                        votes[self._life(line)][act.process] += 1
        for life, process in self._enders():
            votes[life][process] += 1
        return {life: names.most_common(1)[0][0] for life, names in votes.items() if life}

    def _enders(self) -> Iterator[tuple[str, str]]:
        """Give life and name of whoever ended something on a lane."""
        ended: dict[TopicPartition, dict[int, str]] = defaultdict(dict)
        for told in self._here.told:
            event = told.event
            if not isinstance(event, AtLane) or event.offset < 0 or not event.process:
                continue
            if event.topic in self._here.inboxes:
                where = self._here.journal_beside(event.topic, event.partition)
                ended[where][event.offset] = event.process
        for where, left in ended.items():
            for come in self._here.progress.get(where, ()):
                for offset in [one for one in left if come.has_finished(one)]:
                    yield self._life(come.line), left.pop(offset)


@lru_cache(maxsize=4)
def owners(here: Reading) -> Owners:
    """Find out who had the lanes of a history; of the same one it is found out once."""
    return Owners(here)
