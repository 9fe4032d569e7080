"""The steps of invocations: what is recorded of each, and what may be done when it is asked again.

Pure. A step has a path: the number of the handler's own step, and for what a model's call does
within it a second part, `3.m1` for its turns and `3.1` for its tool calls. Guarantees: a recorded
outcome is never asked for again; a step that differs from its record stops the invocation; one
that was begun and has no outcome is judged by the effect class under which it was begun.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from handrail.contract.effect import Effect
from handrail.lane.bounds import (
    KEY_MARGIN_S_MAX,
    OUTCOME_IN_MEMORY_BYTES_MAX,
    OUTCOMES_IN_MEMORY_BYTES_MAX,
)
from handrail.lane.divergence import diverged, is_now
from handrail.lane.journal import STEP_KINDS, Entry, Kind
from handrail.lane.releasing import Releases

WAITS_FOR_AGENT, WAITS_FOR_PERSON, WAITS_FOR_TIME = "agent", "person", "time"
COUNTS_FROM = "counts_from"  #: of a question asked anew: below this offset no answer is one to it
COLLECTED = "memory.collect"  #: notes what the policy said of a write at the handler's end
ANEW = "decided anew"  #: why an intent is void whose step need not be asked for again
HARMLESS = frozenset({Effect.PURE, Effect.READ})  #: no licence is needed before they act


class StepState(StrEnum):
    """Where a step stands, as far as the journal says."""

    NOT_BEGUN = "not begun"
    BEGUN = "begun"  #: licensed to act; its outcome is not recorded
    SUCCEEDED = "succeeded"  #: its result is recorded
    FAILED = "failed"  #: its error is recorded
    IN_DOUBT = "in doubt"  #: begun, and nobody can know what came of it


ENDED_STATES = frozenset({StepState.SUCCEEDED, StepState.FAILED})


@dataclass(frozen=True, slots=True)
class Asked:
    """A step as a handler asks for it."""

    path: str
    name: str
    digest: str  #: of its arguments; the same arguments give the same one on any machine
    shown: str  #: the call as people read it, arguments shortened
    effect: Effect
    key_ttl_s: float | None = None  #: of an idempotent one: how long its receiver knows the key


@dataclass(frozen=True, slots=True)
class Replay:
    """Its outcome is recorded: give that."""

    outcome: Entry


@dataclass(frozen=True, slots=True)
class Begin:
    """Carry it out; `wasted` when an earlier attempt was begun and what it cost is lost."""

    attempt: int
    first_ms: int
    wasted: bool = False


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask its receiver whether it happened, once it has had time to settle since it began."""

    attempt: int
    first_ms: int
    begun_ms: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A step of which nobody can know whether it happened."""

    path: str
    name: str
    shown: str
    effect: Effect
    attempt: int
    begun_ms: int
    because: str
    recorded: bool  #: the journal says so already


@dataclass(frozen=True, slots=True)
class Await:
    """It was begun and waits: for its time, for another agent or for a person."""

    intent: Entry


Verdict = Replay | Begin | Reconcile | Doubt | Await


@dataclass(slots=True)
class StepRecord:
    """What the journal holds of one step."""

    intent: Entry | None = None
    outcome: Entry | None = None
    in_doubt: Entry | None = None

    @property
    def state(self) -> StepState:
        """Where the step stands."""
        if self.outcome is not None:
            return StepState.SUCCEEDED if self.outcome.facts["ok"] else StepState.FAILED
        if self.in_doubt is not None:
            return StepState.IN_DOUBT
        return StepState.BEGUN if self.intent is not None else StepState.NOT_BEGUN

    @property
    def latest(self) -> Entry | None:
        """The record that says what was asked for; None when something else may be."""
        anew = self.intent is not None and self.intent.facts.get("void") == ANEW
        return self.outcome or (None if anew else self.intent)

    def put(self, entry: Entry) -> None:
        """Keep a record; it replaces its own kind."""
        match entry.kind:
            case Kind.INTENT:
                self.intent = entry
            case Kind.OUTCOME:
                self.outcome = entry
            case _:
                self.in_doubt = entry


class StepLog:
    """The recorded steps of one invocation."""

    __slots__ = ("_asking", "records")

    def __init__(self, asking: set[tuple[str, str]] | None = None) -> None:
        """Begin with nothing recorded; keep `asking` true, (invocation, path) of open questions."""
        self.records: dict[str, StepRecord] = {}
        self._asking = set[tuple[str, str]]() if asking is None else asking

    def put(self, entry: Entry) -> None:
        """Take in a record that the journal holds or is about to hold."""
        record = self.records.setdefault(entry.path, StepRecord())
        record.put(entry)
        place = (entry.invocation, entry.path)
        if record.state is StepState.BEGUN and entry.facts.get("waits") == WAITS_FOR_AGENT:
            self._asking.add(place)
        elif record.state is not StepState.BEGUN:
            self._asking.discard(place)

    def take_back(self, invocation: str, path: str) -> None:
        """Forget a step whose intent was refused by the broker."""
        self.records.pop(path, None)
        self._asking.discard((invocation, path))

    def state(self, path: str) -> StepState:
        """Say where a step stands."""
        record = self.records.get(path)
        return record.state if record is not None else StepState.NOT_BEGUN

    def begun_key(self, path: str) -> str | None:
        """Give the key under which a step was begun whose outcome is not known."""
        record = self.records.get(path)
        intent = None if record is None or record.outcome is not None else record.intent
        return None if intent is None or "void" in intent.facts else str(intent.facts["idem_key"])

    def keys(self) -> list[bytes]:
        """Give the journal keys of all records."""
        return [
            entry.key
            for record in self.records.values()
            for entry in (record.intent, record.outcome, record.in_doubt)
            if entry is not None
        ]

    @property
    def has_open_question(self) -> bool:
        """Whether an agent or a person was asked something and has not answered."""
        return bool(self.questions())

    def questions(self) -> list[Entry]:
        """Give the intents of what was asked of agents and people and is not answered."""
        begun = [one.intent for one in self.records.values() if one.state is StepState.BEGUN]
        asks = [one for one in begun if one is not None and one.facts["effect"] == Effect.ASK]
        return [one for one in asks if "void" not in one.facts]

    def judge(self, asked: Asked, agent: str, version: str, now_ms: int) -> Verdict:
        """Say what to do for a step that is asked for. Raises Diverged."""
        record = self.records.get(asked.path)
        known = record.latest if record is not None else None
        if record is None or known is None:
            return Begin(1, now_ms)
        if (known.facts["name"], known.facts["digest"]) != (asked.name, asked.digest):
            raise diverged(known, is_now(known, asked.name, asked.shown), agent, version)
        match record.state:
            case StepState.SUCCEEDED | StepState.FAILED:
                assert record.outcome is not None
                return Replay(record.outcome)
            case StepState.IN_DOUBT | StepState.BEGUN:
                assert record.intent is not None, "it was begun"
                if "waits" in record.intent.facts and "void" not in record.intent.facts:
                    return Await(record.intent)
                return after_crash(record, now_ms)
            case StepState.NOT_BEGUN:
                return Begin(1, now_ms)
            case _:
                assert_never(record.state)

    def doubts(self, now_ms: int) -> list[Doubt]:
        """Give the steps that were begun and of which nobody can know whether they happened."""
        verdicts = [
            after_crash(one, now_ms)
            for one in self.records.values()
            if one.outcome is None and one.intent is not None and "waits" not in one.intent.facts
        ]
        return [verdict for verdict in verdicts if isinstance(verdict, Doubt)]

    def check_all_asked(self, asked: Iterable[str], agent: str, version: str) -> None:
        """Raise Diverged when a step is recorded that the handler, now at its end, did not want."""
        latest = {path: one.latest for path, one in self.records.items() if one.latest}
        # Of a write that is no longer wanted nothing was done that could be lost.
        steps = {path for path, one in latest.items() if one.facts.get("name") != COLLECTED}
        if left := steps - set(asked):
            known = latest[min(left, key=_in_order)]
            raise diverged(known, "is no longer asked for", agent, version)


class StepBook:
    """The step logs of all invocations of one lane that have recorded anything."""

    def __init__(self) -> None:
        """Begin empty; `restore` adds what the journal knows."""
        self.asking: set[tuple[str, str]] = set()  #: (invocation, path) that wait for an agent
        self.releases = Releases()  #: steps whose acts go on in a process that let go of the lane
        self._logs: dict[str, StepLog] = {}

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take over the journal's records of steps, in their order; large results stay there."""
        room = OUTCOMES_IN_MEMORY_BYTES_MAX
        for entry in entries:
            if entry.kind is Kind.RELEASED:
                self.releases.put(entry)
            if entry.kind in STEP_KINDS:
                room -= len(entry.body or b"")
                self.of(entry.invocation).put(replace(entry, body=None) if room < 0 else entry)

    def of(self, invocation: str) -> StepLog:
        """Give the log of an invocation, an empty one when nothing is recorded."""
        return self._logs.setdefault(invocation, StepLog(self.asking))

    def known(self, invocation: str, path: str) -> StepRecord | None:
        """Give what is recorded of a step."""
        log = self._logs.get(invocation)
        return log.records.get(path) if log is not None else None

    def questions(self, invocation: str) -> list[Entry]:
        """Give the intents of what an invocation has asked agents and people and waits for."""
        log = self._logs.get(invocation)
        return [] if log is None else log.questions()

    def has_asked(self, invocation: str, question: str) -> bool:
        """Say whether an invocation that has not ended has asked this, answered or not."""
        log = self._logs.get(invocation)
        records = () if log is None else log.records.values()
        intents = [one.intent for one in records if one.intent is not None]
        return any(intent.facts.get("idem_key") == question for intent in intents)

    def was_answered_by(self, invocation: str, answer: str) -> bool:
        """Say whether a step of an invocation that has not ended has this very answer."""
        log = self._logs.get(invocation)
        records = () if log is None else log.records.values()
        outcomes = [one.outcome for one in records if one.outcome is not None]
        return any(outcome.facts.get("answer") == answer for outcome in outcomes)

    def waits_for(self, request: str) -> bool:
        """Say whether a person was asked this and nobody has answered."""
        invocation, path, attempt = request.rsplit("/", 2)
        record = self.known(invocation, path)
        if record is None or record.intent is None or record.state is not StepState.IN_DOUBT:
            return False
        return str(record.intent.facts["attempt"]) == attempt

    def accepts(self, outcome: Entry) -> bool:
        """Say whether an outcome belongs to the very attempt that the journal shows as open."""
        record = self.known(outcome.invocation, outcome.path)
        if record is None or record.intent is None or record.state is not StepState.BEGUN:
            return False
        return record.intent.facts["attempt"] == outcome.facts.get("attempt")

    def doubts(self, invocation: str, now_ms: int) -> Sequence[Doubt]:
        """Give what is in doubt of an invocation and that nobody who carries it out can tell."""
        log = self._logs.get(invocation)
        if log is None:
            return ()
        found, until_ms = log.doubts(now_ms), self.releases.until_ms
        return [one for one in found if now_ms >= (until_ms(log.records[one.path].intent) or 0)]

    def end(self, invocation: str) -> list[bytes]:
        """Forget an invocation that ends; give the journal keys that its end removes."""
        log, released = self._logs.pop(invocation, None), self.releases.end(invocation)
        if log is None:
            return released
        self.asking.difference_update((invocation, path) for path in log.records)
        return [*log.keys(), *released]


def after_crash(record: StepRecord, now_ms: int) -> Begin | Reconcile | Doubt:
    """Judge a step that was begun and has no outcome, by the class under which it was begun."""
    intent = record.intent
    assert intent is not None, "a step in doubt keeps its intent"
    facts = intent.facts
    effect, attempt = Effect(str(facts["effect"])), int(str(facts["attempt"]))
    first_ms = int(str(facts["first_ms"]))
    if "void" in facts:
        # Somebody has found out that it did not happen: it begins anew, and so does its key's age.
        return Begin(attempt + 1, now_ms)
    match effect:
        case Effect.PURE | Effect.READ:
            return Begin(attempt + 1, first_ms)
        case Effect.PAID:
            return Begin(attempt + 1, first_ms, wasted=True)
        case Effect.QUERYABLE:
            return Reconcile(attempt + 1, first_ms, intent.written_ms)
        case Effect.IDEMPOTENT:
            if now_ms < key_good_until_ms(first_ms, facts.get("key_ttl_s")):
                return Begin(attempt + 1, first_ms)
            because = f"its receiver remembers a key for {facts.get('key_ttl_s')} s only"
        case Effect.UNSAFE | Effect.ASK:
            because = "a second time could do harm"
        case _:
            assert_never(effect)
    return doubt(intent, because, recorded=record.in_doubt is not None)


def request_of(invocation: str, found: Doubt) -> str:
    """Name the question that a doubt puts to people."""
    return f"{invocation}/{found.path}/{found.attempt}"


def doubt(intent: Entry, because: str, *, recorded: bool) -> Doubt:
    """Say of a begun step that nobody can know what came of it."""
    return Doubt(
        path=intent.path,
        name=str(intent.facts["name"]),
        shown=str(intent.facts["shown"]),
        effect=Effect(str(intent.facts["effect"])),
        attempt=int(str(intent.facts["attempt"])),
        begun_ms=intent.written_ms,
        because=because,
        recorded=recorded,
    )


def in_doubt_entry(doubt: Doubt, invocation: str, epoch: int, version: str, now_ms: int) -> Entry:
    """Give the record that says that a step is in doubt."""
    facts = {"name": doubt.name, "shown": doubt.shown, "because": doubt.because}
    facts["begun_ms"] = str(doubt.begun_ms)
    return Entry(Kind.IN_DOUBT, invocation, epoch, version, now_ms, facts=facts, path=doubt.path)


def key_good_until_ms(first_ms: int, ttl_s: object) -> float:
    """Say until when a receiver surely knows a key that was first used then."""
    ttl = float(str(ttl_s or 0))
    return first_ms + (ttl - min(KEY_MARGIN_S_MAX, ttl / 2)) * 1000


def lean(entry: Entry) -> Entry:
    """Leave a large result in the journal, from where it is read back when it is asked for."""
    large = len(entry.body or b"") > OUTCOME_IN_MEMORY_BYTES_MAX
    return replace(entry, body=None) if large else entry


def _in_order(path: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in path.split("."))
