"""I18: a doubt has a cause in its window and is told soon; what nobody knows the end of has one."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from handrail.chaos.checker.effects import ENDS_ACTS, faults_between
from handrail.chaos.checker.epochs import FAULT_GRACE_MS, OPENED_KEY
from handrail.chaos.checker.owners import BROKER, Spell, owners, spells
from handrail.chaos.checker.reading import ANSWERS, Line, Reading, reading
from handrail.chaos.checker.tasks import states
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import Happening, History, Phase
from handrail.errors import WireError
from handrail.lane.journal import Entry, Kind
from handrail.ledger.event import Dropped, Finished, PersonAnswered, PersonAsked, RequestKind
from handrail.ledger.task_state import TaskFacts
from handrail.wire.decision import DECISION_TYPE, Decision
from handrail.wire.human import ANSWER_TYPE
from handrail.wire.late_outcome import LATE_OUTCOME_TYPE, LateOutcome, LateState
from handrail.wire.record import Record

SAID_BY_PEOPLE = frozenset({DECISION_TYPE.encode(), ANSWER_TYPE.encode()})
#: What keeps a process from telling of a doubt, and is over in its time.
HINDERS = frozenset({"freeze", "endtxn", "cutoff"})


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
    yield from _told_late(here)
    yield from _asked_without_doubt(here)
    yield from _ambiguous_without_doubt(here)
    yield from _answers_not_heard(here)
    yield from _answers_not_taken(here)


def caught(here: Reading) -> Iterator[tuple[Line, Entry]]:
    """Give each doubt that a fault has left, between a licence to act and its outcome's commit."""
    for line, entry in here.entries(Kind.IN_DOUBT):
        began_ms = int(str(entry.facts.get("begun_ms", entry.written_ms)))
        from_ms, until_ms = began_ms - FAULT_GRACE_MS, entry.written_ms + FAULT_GRACE_MS
        struck = (one.fault in ENDS_ACTS for one in _touching(here.history, from_ms, until_ms))
        if any(struck):
            yield line, entry


def told_after_take_over(here: Reading) -> Iterator[tuple[Line, Entry, float]]:
    """Give each doubt that another process told than the one that had begun it, and after how long.

    Time counts from the take-over, or from the end of what kept that very process from its work:
    that it was frozen, cut off, had the ends of its transactions harmed, or had no broker.
    """
    for line, entry in here.entries(Kind.IN_DOUBT):
        taken_ms = _taken_over_ms(here, line, entry)
        if taken_ms is None:
            continue
        process, peace_ms = owners(here).of(line), taken_ms
        for one in _touching(here.history, taken_ms, entry.written_ms):
            own = one.fault in HINDERS and process.is_struck_by(one.target)
            if own or one.fault == BROKER:
                peace_ms = max(peace_ms, min(one.until_ms, entry.written_ms))
        yield line, entry, (entry.written_ms - peace_ms) / 1000


def _touching(history: History, from_ms: int, until_ms: int) -> Iterator[Spell]:
    return (one for one in spells(history) if one.touches(from_ms, until_ms))


def _told_late(here: Reading) -> Iterator[Violation]:
    """Whoever takes a lane over puts what is in doubt to a person soon, once nothing harms it."""
    limit_s = here.history.run.bounds.doubt_s
    for line, entry, after_s in told_after_take_over(here):
        if after_s > limit_s:
            sentence = (
                f"the doubt about step {entry.path} of {entry.invocation} was told {after_s:.1f} s"
                f" after its lane was taken over, {limit_s:g} s may be"
            )
            yield Violation("I18", sentence, at(line.record), Harm.UNTOLD)


def _taken_over_ms(here: Reading, line: Line, entry: Entry) -> int | None:
    """Say when whoever told of a doubt had opened the lane; None if it had begun the step itself.

    A step that its process has let go of and carries on may still be told to its successor, who
    waits for that.
    """
    taken_ms: int | None = None
    for other in here.journals[line.record.where]:
        if other.record.offset >= line.record.offset:
            break
        if other.key == OPENED_KEY:
            taken_ms = other.record.timestamp_ms
        elif other.entry is not None and other.entry.invocation == entry.invocation:
            if other.entry.path == entry.path and other.entry.kind is Kind.RELEASED:
                return None
            if other.entry.path == entry.path and other.entry.kind is Kind.INTENT:
                taken_ms = None
    return taken_ms


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


def _answers_not_taken(here: Reading) -> Iterator[Violation]:
    """Whatever people have answered or decided has closed its request, once nothing moves."""
    if not here.history.run.settled:
        return
    closed = {told.event.request for told in here.told if isinstance(told.event, PersonAnswered)}
    asked = {told.event.request for told in here.told if isinstance(told.event, PersonAsked)}
    for topic in here.history.topics():
        for record in here.history.committed(topic) if topic.endswith(ANSWERS) else ():
            if record.header("ce_type") not in SAID_BY_PEOPLE:
                continue
            request = (record.header("ce_for") or b"").decode(errors="replace")
            if request in asked and request not in closed:
                sentence = f"a person has answered {request}, and nobody has taken the answer"
                yield Violation("I18", sentence, at(record), Harm.HANGING)


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
    if faults_between(here.history, began_ms, until_ms) or _provider_was_silent(here, entry):
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
                yield Violation("I18", sentence, at(first.record, line.record), Harm.UNSAFE)
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
