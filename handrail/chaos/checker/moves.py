"""Paid calls whose lane moved while they were under way, and paid calls that were lost.

Whoever joins and leaves in order costs nothing, and neither does a group that rearranges itself
since another process has died: a call goes on in its process, and its outcome follows the lane.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handrail.chaos.checker.epochs import FAULT_GRACE_MS, OPENED_KEY
from handrail.chaos.checker.owners import BROKER, owners, spells
from handrail.chaos.checker.reading import Line, Reading
from handrail.lane.journal import Entry, Kind

KILL = "kill"
#: What may cost a paid call that is under way in the process that it strikes.
WASTES = frozenset({KILL, "freeze", "endtxn", "cutoff"})


@dataclass(frozen=True, slots=True)
class PaidCall:
    """One attempt at a paid step, from its licence until its outcome or the next licence."""

    line: Line
    entry: Entry  #: the licence
    until: Line | None  #: what ended it; None: nothing that is there
    moved: bool  #: its lane was opened anew meanwhile, or let go of
    wasted: bool  #: its outcome was lost, and it was booked as waste
    struck: bool  #: a fault of its own process, or of the broker, fell into its time


def paid_calls(here: Reading) -> Iterator[PaidCall]:
    """Give every attempt at a paid step, step by step."""
    for step, entries in here.steps.items():
        lines = [one for one in entries if one[1].kind in (Kind.INTENT, Kind.OUTCOME)]
        lost = {str(event.attempt) for event in here.wasted.get(step, ())}
        for index, (line, entry) in enumerate(lines):
            licence = entry.kind is Kind.INTENT and "void" not in entry.facts
            if not licence or entry.facts.get("effect") != "paid":
                continue
            until = next((other for other, e in lines[index + 1 :] if _ends(entry, e)), None)
            yield PaidCall(
                line,
                entry,
                until,
                moved=_moved(here, line, until),
                # Of what was canceled the money is lost too, and nobody asked again.
                wasted=until is not None and str(entry.facts.get("attempt")) in lost,
                struck=_struck(here, line, entry, until),
            )


def moved_in_peace(here: Reading) -> Sequence[PaidCall]:
    """Give the paid calls whose lane moved under them, and whose own process nothing had struck."""
    return [one for one in paid_calls(here) if one.moved and not one.struck]


def _ends(licence: Entry, entry: Entry) -> bool:
    """Whether a record ends an attempt: its outcome, or the licence of another attempt."""
    same = entry.facts.get("attempt") == licence.facts.get("attempt")
    return same if entry.kind is Kind.OUTCOME else not same


def _moved(here: Reading, line: Line, until: Line | None) -> bool:
    for other in here.journals[line.record.where]:
        if other.record.offset <= line.record.offset:
            continue
        if until is not None and other.record.offset >= until.record.offset:
            return False
        if other.key == OPENED_KEY:
            return True
        entry = other.entry
        if entry is not None and line.entry is not None:
            own = (entry.invocation, entry.path) == (line.entry.invocation, line.entry.path)
            if entry.kind is Kind.EPOCH or (entry.kind is Kind.RELEASED and own):
                return True
    return False


def _struck(here: Reading, line: Line, entry: Entry, until: Line | None) -> bool:
    process = owners(here).of(line)
    from_ms = entry.written_ms - FAULT_GRACE_MS
    until_ms = here.history.run.ended_ms if until is None else until.record.timestamp_ms
    for one in spells(here.history):
        own = one.fault in WASTES and process.is_struck_by(one.target)
        if not own and one.fault != BROKER:
            continue
        # Who is killed loses what was under way then, and nothing after it.
        over_ms = one.from_ms if one.fault == KILL else one.until_ms
        if one.from_ms <= until_ms + FAULT_GRACE_MS and over_ms >= from_ms:
            return True
    return False
