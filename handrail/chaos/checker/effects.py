"""I5: the world was touched as each effect class promises, and nothing recorded was asked again."""

from collections.abc import Iterable, Iterator, Sequence

from handrail.chaos.checker.epochs import FAULT_GRACE_MS, FREEZES
from handrail.chaos.checker.lineage import asks_keeper, key_of_step
from handrail.chaos.checker.moves import paid_calls
from handrail.chaos.checker.owners import THAWING_MS, Process, spells_of
from handrail.chaos.checker.reading import Line, Reading, reading
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import Effect, Happening, History
from handrail.lane.journal import Entry, Kind, entry_key

ONCE = frozenset({"unsafe", "idempotent", "queryable"})
HARMLESS = frozenset({"pure", "read"})
#: What it means that an effect came once too often, where it is not just doubled.
HARMS_BY_CLASS = {"paid": Harm.REPEATED, "unsafe": Harm.UNSAFE}
NOT_BEGUN = "not begun"  #: as a process says of a step that it let go of before it acted
#: Faults that end or cut off whoever acts.
ENDS_ACTS = frozenset({"kill", "freeze", "broker", "rebalance", "endtxn", "cutoff"})


def effects_are_as_promised(history: History) -> Iterable[Violation]:
    """At most once, once by its key, or once and what was booked as waste, by effect class."""
    here = reading(history)
    for key, effects in here.effects.items():
        yield from _too_often(here, key, effects)
        yield from _more_acts_than_licences(here, key, effects)
    yield from _harmless_ones_asked_again(here)
    yield from _recorded_ones_licensed_again(here)
    yield from _keys_that_differ(here)
    yield from _waste_without_cause(here)


def _too_often(here: Reading, key: str, effects: Sequence[Effect]) -> Iterator[Violation]:
    effected = here.count(key, Happening.EFFECTED)
    kind, tool = effects[0].effect, effects[0].tool
    allowed: int | None = None
    if kind in ONCE:
        # What a person has denied is begun anew; whether it had happened was for that person.
        allowed = 1 + _denied(here, key)
    elif kind == "paid":
        allowed = max(1, len(_attempts_that_ended(here, key))) + _wasted(here, key)
    if allowed is not None and effected > allowed:
        sentence = f"{tool} ({kind}) had its effect {effected} times, {allowed} may be"
        times = (str(one.time_ms) for one in effects if one.happened is Happening.EFFECTED)
        evidence = (f"key {key[:12]}…", f"effects at {', '.join(times)} ms")
        means = HARMS_BY_CLASS.get(kind, Harm.DOUBLED)
        yield Violation("I5", sentence, evidence, means)


def _step_of(here: Reading, key: str) -> tuple[str, str] | None:
    licences = here.intents.get(key)
    return (licences[0][1].invocation, licences[0][1].path) if licences else None


def _denied(here: Reading, key: str) -> int:
    step = _step_of(here, key)
    entries = here.steps.get(step, ()) if step is not None else ()
    voids = [e.facts["void"] for _, e in entries if e.kind is Kind.INTENT and "void" in e.facts]
    return len([who for who in voids if who != NOT_BEGUN])


def _attempts_that_ended(here: Reading, key: str) -> frozenset[str]:
    step = _step_of(here, key)
    entries = here.steps.get(step, ()) if step is not None else ()
    return frozenset(str(e.facts.get("attempt")) for _, e in entries if e.kind is Kind.OUTCOME)


def _wasted(here: Reading, key: str) -> int:
    step = _step_of(here, key)
    return len(here.wasted.get(step, ())) if step is not None else 0


def _more_acts_than_licences(
    here: Reading, key: str, effects: Sequence[Effect]
) -> Iterator[Violation]:
    acts = here.count(key, Happening.BEGUN)
    licences = len(here.intents.get(key, ()))
    if effects[0].effect not in HARMLESS and 0 < licences < acts:
        sentence = f"{effects[0].tool} acted {acts} times on {licences} licences"
        yield Violation("I5", sentence, (f"key {key[:12]}…",))


def _harmless_ones_asked_again(here: Reading) -> Iterator[Violation]:
    """What is only read has no licence; its outcome, once recorded, is given all the same."""
    for line, entry in here.entries(Kind.OUTCOME):
        key = key_of_step(entry.invocation, 0, entry.path)
        if key in here.intents or entry.invocation in here.redriven:
            continue
        removed_ms = _removed_ms(here, line)
        for effect in here.effects.get(key, ()):
            # A busy provider may come late to what its caller has given up meanwhile.
            asked_ms = effect.time_ms if effect.asked_ms is None else effect.asked_ms
            again = effect.happened is Happening.BEGUN and asked_ms > entry.written_ms
            if again and (removed_ms is None or effect.time_ms < removed_ms):
                if _was_thawing(here, line, entry, effect):
                    continue
                sentence = f"{effect.tool} was asked again although its outcome was recorded"
                yield Violation("I5", sentence, at(line.record))


def _removed_ms(here: Reading, line: Line) -> int | None:
    """Say when a journal record was removed other than by the end of its invocation."""
    entry = line.entry
    for other in here.journals[line.record.where]:
        later = other.record.offset > line.record.offset and other.key == line.key
        if later and other.record.value is None and entry is not None:
            ended = any(
                told.event.time_ms <= other.record.timestamp_ms
                for told in here.ends.get(entry.invocation, ())
            )
            return None if ended else other.record.timestamp_ms
    return None


def _was_thawing(here: Reading, line: Line, entry: Entry, effect: Effect) -> bool:
    """Whether whoever acted had stood still since before the outcome, and had just gone on."""
    process = Process.of(effect.process, line.agent)
    return any(
        one.from_ms <= entry.written_ms + FAULT_GRACE_MS
        and one.touches(effect.time_ms - THAWING_MS, effect.time_ms)
        for one in spells_of(here.history, process, FREEZES)
    )


def _recorded_ones_licensed_again(here: Reading) -> Iterator[Violation]:
    """No intent follows an outcome of the same step that is still there."""
    for lines in here.journals.values():
        recorded: dict[bytes, Line] = {}
        for line in lines:
            entry = line.entry
            if entry is None:
                recorded.pop(line.key, None)
            elif entry.kind is Kind.OUTCOME:
                recorded[line.key] = line
            elif entry.kind is Kind.INTENT and "void" not in entry.facts:
                outcome = recorded.get(entry_key(entry.invocation, Kind.OUTCOME, entry.path))
                if outcome is not None and not _is_copy(lines, line):
                    sentence = (
                        f"step {entry.path} of {entry.invocation} was licensed again although its"
                        " outcome was recorded"
                    )
                    yield Violation("I5", sentence, at(outcome.record, line.record))


def _is_copy(lines: Sequence[Line], line: Line) -> bool:
    same = (line.record.value, line.record.headers)
    return any(
        one.key == line.key and (one.record.value, one.record.headers) == same
        for one in lines
        if one.record.offset < line.record.offset
    )


def _keys_that_differ(here: Reading) -> Iterator[Violation]:
    """Every try of a step has the same key, unless a redrive began the step anew.

    A write to memory that met a conflict is another one when it is tried again.
    """
    for (invocation, path), entries in here.steps.items():
        intents = [(line, e) for line, e in entries if e.kind is Kind.INTENT]
        keys = {e.facts.get("idem_key") for _, e in intents if not asks_keeper(e)}
        if len(keys) > 1 + len(here.redriven.get(invocation, ())):
            sentence = f"step {path} of {invocation} was tried under {len(keys)} keys"
            yield Violation("I5", sentence, at(*(line.record for line, _ in intents)))


def _waste_without_cause(here: Reading) -> Iterator[Violation]:
    """A paid call is lost with a fault of the process that made it or of the broker, or never."""
    for one in paid_calls(here):
        if one.wasted and not one.struck:
            how = "its lane moved, and " if one.moved else ""
            sentence = (
                f"paid step {one.entry.path} of {one.entry.invocation} was asked again: {how}no"
                " fault had struck the process that had asked"
            )
            yield Violation("I5", sentence, at(one.line.record), Harm.MOVED if one.moved else None)


def faults_between(history: History, from_ms: int, to_ms: int) -> int:
    """Count how often a fault that ends acts began or ended in a stretch of time."""
    return sum(
        one.fault in ENDS_ACTS and from_ms - FAULT_GRACE_MS <= one.time_ms <= to_ms + FAULT_GRACE_MS
        for one in history.faults
    )
