"""I5 and I18: the world was touched as each effect class promises, and every doubt has a cause."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from handrail.chaos.checker.epochs import FAULT_GRACE_MS, OPENED_KEY
from handrail.chaos.checker.lineage import key_of_step
from handrail.chaos.checker.reading import ANSWERS, Line, Reading, reading
from handrail.chaos.checker.tasks import states
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import Effect, Happening, History, Phase
from handrail.errors import WireError
from handrail.lane.journal import Entry, Kind, entry_key
from handrail.ledger.event import Dropped, Finished, PersonAnswered, PersonAsked, RequestKind
from handrail.ledger.task_state import TaskFacts
from handrail.wire.decision import Decision
from handrail.wire.late_outcome import LATE_OUTCOME_TYPE, LateOutcome, LateState
from handrail.wire.record import Record

ONCE = frozenset({"unsafe", "idempotent", "queryable"})
HARMLESS = frozenset({"pure", "read"})
NOT_BEGUN = "not begun"  #: as a process says of a step that it let go of before it acted
#: Faults that end or cut off whoever acts; a paid step may be lost with each of them.
ENDS_ACTS = frozenset({"kill", "freeze", "broker", "rebalance", "endtxn", "cutoff"})


# ---- I5


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
        means = Harm.DOUBLED if kind in ONCE else Harm.REPEATED
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
            again = effect.happened is Happening.BEGUN and effect.time_ms > entry.written_ms
            if again and (removed_ms is None or effect.time_ms < removed_ms):
                if _was_frozen_before(here.history, effect.time_ms):
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


def _was_frozen_before(history: History, time_ms: int) -> bool:
    return any(one.fault == "freeze" and one.time_ms <= time_ms for one in history.faults)


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
    """Every try of a step has the same key, unless a redrive began the step anew."""
    for (invocation, path), entries in here.steps.items():
        intents = [(line, e) for line, e in entries if e.kind is Kind.INTENT]
        keys = {e.facts.get("idem_key") for _, e in intents}
        if len(keys) > 1 + len(here.redriven.get(invocation, ())):
            sentence = f"step {path} of {invocation} was tried under {len(keys)} keys"
            yield Violation("I5", sentence, at(*(line.record for line, _ in intents)))


def _waste_without_cause(here: Reading) -> Iterator[Violation]:
    """A paid call is asked again once for each fault that its process met, and not otherwise."""
    for (invocation, path), wasted in here.wasted.items():
        intents = [e for _, e in here.steps.get((invocation, path), ()) if e.kind is Kind.INTENT]
        if not intents:
            continue
        faults = _faults_between(here.history, intents[0].written_ms, intents[-1].written_ms)
        if len(wasted) > faults:
            sentence = (
                f"paid step {path} of {invocation} was asked again {len(wasted)} times, and"
                f" {faults} faults fell into its time"
            )
            yield Violation("I5", sentence)


def _faults_between(history: History, from_ms: int, to_ms: int) -> int:
    """Count faults that had begun and not ended, or did either, in a stretch of time."""
    return sum(
        one.fault in ENDS_ACTS and from_ms - FAULT_GRACE_MS <= one.time_ms <= to_ms + FAULT_GRACE_MS
        for one in history.faults
    )


# ---- I18


def doubts_have_causes_and_ambiguity_has_doubts(history: History) -> Iterable[Violation]:
    """A doubt has a fault in its window; an unsafe step whose end nobody knows has a doubt."""
    here = reading(history)
    for line, entry in here.entries(Kind.IN_DOUBT):
        began_ms = int(str(entry.facts.get("begun_ms", entry.written_ms)))
        if not _has_cause(here, entry, began_ms):
            sentence = (
                f"step {entry.path} of {entry.invocation} is in doubt, and nothing happened between"
                f" {began_ms} ms and {entry.written_ms} ms that could explain it"
            )
            yield Violation("I18", sentence, at(line.record), Harm.OTHER)
    asked = {
        told.event.request
        for told in here.told
        if isinstance(told.event, PersonAsked) and told.event.kind is RequestKind.DOUBT
    }
    for line, entry in here.entries(Kind.IN_DOUBT):
        if not any(one.startswith(f"{entry.invocation}/{entry.path}/") for one in asked):
            sentence = f"step {entry.path} of {entry.invocation} is in doubt, and nobody was asked"
            yield Violation("I18", sentence, at(line.record), Harm.HANGING)
    yield from _asked_without_doubt(here)
    yield from _ambiguous_without_doubt(here)
    yield from _answers_not_heard(here)


def _asked_without_doubt(here: Reading) -> Iterator[Violation]:
    """Who was asked about a doubt was asked about one that the journal had, and hears its end."""
    doubts = {(e.invocation, e.path) for _, e in here.entries(Kind.IN_DOUBT)}
    still = {
        (line.entry.invocation, line.entry.path)
        for live in here.live.values()
        for line in live.values()
        if line.entry is not None and line.entry.kind is Kind.IN_DOUBT
    }
    answered = {told.event.request for told in here.told if isinstance(told.event, PersonAnswered)}
    for told in here.told:
        event = told.event
        if not isinstance(event, PersonAsked) or event.kind is not RequestKind.DOUBT:
            continue
        invocation, path, _ = event.request.rsplit("/", 2)
        if (invocation, path) not in doubts:
            sentence = (
                f"somebody was asked about step {path} of {invocation}, which was not in doubt"
            )
            yield Violation("I18", sentence, at(told.record), Harm.OTHER)
        elif (invocation, path) not in still and event.request not in answered:
            sentence = f"the doubt about step {path} of {invocation} is over, and nobody was told"
            yield Violation("I18", sentence, at(told.record), Harm.HANGING)


def _answers_not_heard(here: Reading) -> Iterator[Violation]:
    """What came of an attempt is read before its class is applied: it is not begun again."""
    for topic in here.history.topics():
        if not topic.endswith(ANSWERS):
            continue
        for record in here.history.committed(topic):
            about = _said_to_have_happened(record)
            if about is None:
                continue
            invocation, path, attempt = about.rsplit("/", 2)
            for line, entry in here.steps.get((invocation, path), ()):
                later = entry.kind is Kind.INTENT and entry.written_ms > record.timestamp_ms
                if later and int(str(entry.facts["attempt"])) > int(attempt):
                    sentence = (
                        f"step {path} of {invocation} was begun again although an answer said that"
                        f" attempt {attempt} had happened"
                    )
                    yield Violation("I18", sentence, at(record, line.record))


def _said_to_have_happened(record: Record) -> str | None:
    """Give the invocation, path and attempt that an answer says has happened."""
    try:
        if record.header("ce_type") == LATE_OUTCOME_TYPE.encode():
            late = LateOutcome.from_record(record)
            about = f"{late.invocation}/{late.path}/{late.attempt}"
            return about if late.state is LateState.ENDED and late.facts.get("ok") else None
        decision = Decision.from_record(record)
    except WireError:
        return None
    return decision.request if decision.happened else None


def _has_cause(here: Reading, entry: Entry, began_ms: int) -> bool:
    until_ms = entry.written_ms
    if _faults_between(here.history, began_ms, until_ms) or _provider_was_silent(here, entry):
        return True
    for fault in here.history.faults:
        # One that began before and ended after, or never, covers the whole window.
        begun = fault.phase is Phase.BEGUN and fault.time_ms <= until_ms
        ended = any(
            other.phase is Phase.ENDED
            and (other.fault, other.target) == (fault.fault, fault.target)
            and fault.time_ms <= other.time_ms < began_ms
            for other in here.history.faults
        )
        if begun and not ended and fault.fault in ENDS_ACTS - {"kill"}:
            return True
    deadlines = [facts.deadline_ms for facts in _states_of(here, entry)]
    return any(ms is not None and began_ms <= ms <= until_ms for ms in deadlines)


def _provider_was_silent(here: Reading, entry: Entry) -> bool:
    keys = {
        str(e.facts.get("idem_key"))
        for _, e in here.steps.get((entry.invocation, entry.path), ())
        if e.kind is Kind.INTENT
    }
    return any(here.count(key, Happening.DROPPED) for key in keys)


def _states_of(here: Reading, entry: Entry) -> Iterator[TaskFacts]:
    known = states(here.history)
    for told in here.told:
        if isinstance(told.event, PersonAsked) and told.event.invocation == entry.invocation:
            yield known[told.event.task_id]


def _ambiguous_without_doubt(here: Reading) -> Iterator[Violation]:
    """An unsafe step that was begun under one owner is not begun again under another."""
    for (invocation, path), entries in here.steps.items():
        intents = [(line, e) for line, e in entries if e.kind is Kind.INTENT]
        known = {e.facts.get("attempt") for _, e in entries if e.kind is Kind.OUTCOME}
        for (first, before), (line, entry) in pairwise(intents):
            unsafe = entry.facts.get("effect") == "unsafe"
            again = entry.facts.get("attempt") != before.facts.get("attempt")
            settled = before.facts.get("attempt") in known or "void" in before.facts
            if unsafe and again and not settled and opened_between(here, first, line):
                sentence = (
                    f"unsafe step {path} of {invocation} was begun again by another owner of its"
                    " lane, and nobody was asked whether it had happened"
                )
                yield Violation("I18", sentence, at(first.record, line.record))
        last = entries[-1][1]
        if last.kind is Kind.INTENT:
            yield from _left_open(here, entries[-1][0], last)


def _left_open(here: Reading, line: Line, entry: Entry) -> Iterator[Violation]:
    ends = [told.event for told in here.ends.get(entry.invocation, ())]
    # A handler that ended well has had the outcome of all that it began; one that died of
    # something else leaves none of its unsafe steps open.
    well = any(isinstance(event, Finished) for event in ends)
    badly = bool(ends) and not any(isinstance(event, Dropped) for event in ends)
    over = well or (badly and entry.facts.get("effect") == "unsafe")
    if over and "void" not in entry.facts:
        sentence = f"{entry.invocation} ended, and nobody knows what came of its step {entry.path}"
        yield Violation("I18", sentence, at(line.record))


def opened_between(here: Reading, first: Line, then: Line) -> bool:
    """Whether another owner has opened the lane between two records of its journal."""
    if first.record.where != then.record.where:
        return True
    return any(
        line.key == OPENED_KEY
        for line in here.journals[first.record.where]
        if first.record.offset < line.record.offset < then.record.offset
    )
