"""I6 and I9: who licensed an act owned the lane then, and no lane's epoch ever goes back.

A lane that is opened anew writes a record that says nothing before its epoch; one that its process
has kept through a rebalance does not, and goes on with what it had in hand under its older epoch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from handrail.chaos.checker.owners import Process, spells_of
from handrail.chaos.checker.reading import Line, Reading, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import Effect, Happening, History, Phase
from handrail.lane.journal import LANE, Entry, Kind, journaled_offset
from handrail.ledger.happened import AtLane
from handrail.wire.priority import without_priority

OPENED_KEY = f"{LANE}/end/0".encode()
#: A fault that freezes a process stands between its last look and its act.
FREEZES = frozenset({"freeze"})
FAULT_GRACE_MS = 1_000  #: what is written down a little after it happened
#: How often one fault may make a lane be opened anew, by kind: taken over, taken back, and once
#: more. What joins and leaves several times counts several times.
OPENINGS = {"kill": 3, "freeze": 3, "broker": 4, "endtxn": 4, "cutoff": 3, "rebalance": 12}
OPENINGS_OF_OTHERS = 3


@dataclass(slots=True)
class _Owner:
    """Who owns a lane at some place of its journal."""

    epoch: int = 0  #: the newest
    floor: int = 0  #: the oldest under which the present owner may still write
    opening: bool = False  #: the record that says nothing has come, its epoch has not
    live: dict[bytes, Line] = field(default_factory=dict[bytes, Line])
    last: dict[bytes, Line] = field(default_factory=dict[bytes, Line])  #: removed or not
    redriven: set[str] = field(default_factory=set[str])  #: invocations that were sent back

    def take(self, line: Line) -> str:
        """Go on by one record; say what is wrong with it, or nothing."""
        wrong = "" if line.entry is None else self._wrong(line, line.entry)
        if line.key == OPENED_KEY:
            self.opening = True
        self.live.pop(line.key, None)
        if line.entry is not None:
            self.live[line.key] = self.last[line.key] = line
            if line.entry.kind is Kind.REDRIVEN:
                self.redriven.add(line.entry.invocation)
        return wrong

    def _wrong(self, line: Line, entry: Entry) -> str:
        if entry.kind is Kind.EPOCH:
            before, self.epoch = self.epoch, entry.epoch
            if self.opening:
                self.floor, self.opening = entry.epoch, False
            if before and entry.epoch > before + 1:
                return f"its epoch follows on {before}, and those between are nowhere"
            return "" if entry.epoch > before else f"its epoch goes back from {before}"
        epoch = entry.epoch
        if entry.kind is Kind.PROGRESS:
            epoch = journaled_offset(entry)[1].epoch
        if self.opening and entry.kind is Kind.ACCEPTED and epoch == self.epoch + 1:
            return ""  # what an opener has judged stands before its epoch, in one transaction
        if epoch > self.epoch:
            return f"its epoch {epoch} has not begun"
        if epoch >= self.floor or self._may_be_older(line, entry):
            return ""
        return f"its epoch {epoch} was over: {self.floor} had begun"

    def _may_be_older(self, line: Line, entry: Entry) -> bool:
        # What was removed with a death is written again, word for word, when it is sent back.
        kept = self.last if entry.invocation in self.redriven else self.live
        before = kept.get(line.key)
        if before is not None and _content(before) == _content(line):
            return True  # a copy, written again so that the journal's beginning can go
        if "void" in entry.facts or "by" in entry.facts:
            return True  # what a person has found out about an attempt of then
        if entry.kind is not Kind.OUTCOME:
            return False
        # An outcome in hand outlives the lane that it was made in, while its attempt is open.
        intent = self.live.get(line.key.replace(b"/outcome/", b"/intent/"))
        if intent is None or intent.entry is None:
            return False
        return intent.entry.facts.get("attempt") == entry.facts.get("attempt")


def _content(line: Line) -> tuple[object, object]:
    return line.record.value, line.record.headers


# ---- I9


def epochs_never_go_back(history: History) -> Iterable[Violation]:
    """Along each journal every record is written under the epoch of the lane's present owner."""
    here = reading(history)
    for lines in here.journals.values():
        owner = _Owner()
        for line in lines:
            if (wrong := owner.take(line)) and not _is_licence(line):
                kind = line.entry.kind if line.entry is not None else "record"
                yield Violation("I9", f"{kind} of {line.agent}: {wrong}", at(line.record))
    yield from _opened_for_ever(here)


def _opened_for_ever(here: Reading) -> Iterator[Violation]:
    """Two owners never fence each other again and again: each opening has its cause."""
    faults = [one for one in here.history.faults if one.phase is Phase.BEGUN]
    for lines in here.journals.values():
        agent = lines[0].agent
        processes = {
            told.event.process
            for told in here.told
            if isinstance(told.event, AtLane) and told.event.agent == without_priority(agent)
        }
        explained = sum(OPENINGS.get(one.fault, OPENINGS_OF_OTHERS) for one in faults)
        opened = [line.record for line in lines if line.key == OPENED_KEY]
        if len(opened) > 1 + len(processes) + explained:
            sentence = (
                f"a lane of {agent} was opened {len(opened)} times, by {len(processes)} processes"
                f" under {len(faults)} faults"
            )
            yield Violation("I9", sentence, at(*opened[-2:]))


def _is_licence(line: Line) -> bool:
    return line.entry is not None and line.entry.kind is Kind.INTENT


# ---- I6


def every_licence_was_current(history: History) -> Iterable[Violation]:
    """The epoch of each act was its lane's when it was licensed, and the licence was fresh."""
    here = reading(history)
    for lines in here.journals.values():
        owner = _Owner()
        for line in lines:
            if (wrong := owner.take(line)) and _is_licence(line):
                yield Violation("I6", f"an intent of {line.agent}: {wrong}", at(line.record))
    for line, entry, effect in stale_acts(here):
        sentence = (
            f"{effect.tool} acted {effect.time_ms - entry.written_ms} ms after its intent, in an"
            " epoch that was over, and nothing had frozen it"
        )
        if not _was_frozen(here, line, entry, effect):
            yield Violation("I6", sentence, at(line.record))
    yield from _told_another_epoch(here)


def stale_acts(here: Reading) -> Iterator[tuple[Line, Entry, Effect]]:
    """Give acts that began past their licence, after a later owner had opened their lane."""
    licence_ms = here.history.run.bounds.licence_s * 1000
    for key, effects in here.effects.items():
        licences = [one for one in here.intents.get(key, ()) if one[1].facts.get("effect") != "ask"]
        for effect in effects:
            if effect.happened is not Happening.BEGUN:
                continue
            before = [one for one in licences if one[1].written_ms <= effect.time_ms]
            if not before:
                continue
            line, entry = before[-1]
            late = effect.time_ms - entry.written_ms > licence_ms
            if late and _opened_between(here, line, effect.time_ms):
                yield line, entry, effect


def _opened_between(here: Reading, line: Line, until_ms: int) -> bool:
    opening = False
    for other in here.journals[line.record.where]:
        if other.record.offset <= line.record.offset:
            continue
        if other.record.timestamp_ms > until_ms:
            return False
        opening = opening or other.key == OPENED_KEY
        if opening and other.entry is not None and other.entry.kind is Kind.EPOCH:
            return True
    return False


def _was_frozen(here: Reading, line: Line, entry: Entry, effect: Effect) -> bool:
    """Whether whoever acted stood still between its licence and its act."""
    process = Process.of(effect.process, line.agent)
    from_ms, until_ms = entry.written_ms - FAULT_GRACE_MS, effect.time_ms + FAULT_GRACE_MS
    frozen = spells_of(here.history, process, FREEZES)
    return any(one.touches(from_ms, until_ms) for one in frozen)


def _told_another_epoch(here: Reading) -> Iterator[Violation]:
    """Where the provider was told an epoch, an intent of that very epoch licensed the act."""
    for key, effects in here.effects.items():
        licensed = [entry.epoch for _, entry in here.intents.get(key, ())]
        for effect in effects:
            told = effect.epoch
            if effect.happened is not Happening.BEGUN or not licensed or told is None:
                continue
            if min(licensed) > told:
                sentence = f"{effect.tool} acted in epoch {told}, which had no intent for it"
                yield Violation("I6", sentence, (f"effects at {effect.time_ms} ms",))
