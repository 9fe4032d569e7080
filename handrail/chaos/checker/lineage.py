"""I2, I3 and I11: nothing invented, nothing twice, nothing beyond its bounds."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from handrail.chaos.checker.reading import (
    ANSWERS,
    ENDS,
    Handed,
    Reading,
    Told,
    ended_id,
    reading,
    was_forwarded,
)
from handrail.chaos.checker.tasks import states
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import Effect, Happening, History
from handrail.lane.journal import Entry, Kind
from handrail.ledger.event import (
    Accepted,
    CancelAsked,
    DeadLettered,
    Dropped,
    DropReason,
    QuestionAsked,
    Rejected,
    Submitted,
    event_id,
)
from handrail.ledger.happened import AtLane
from handrail.ledger.rail_event import ActRefused
from handrail.ledger.undo_event import ActDone
from handrail.wire.ids import PATH_OF_RETURN, fan_out_id, gather_invocation_id, handoff_id
from handrail.wire.limits import PARTS_COUNT_MAX
from handrail.wire.memory import COMMANDS
from handrail.wire.priority import priority_of, with_priority, without_priority

MARKER_INDEX = -1  #: place of the marker of whoever returns nothing
MODEL_PATH = ".m"
#: What its writer may say again under the same name, and readers take for one: a client asks again
#: where it cannot know whether it was heard, and an act may be told of by more than one.
SAID_AGAIN = (Submitted, Accepted, CancelAsked, ActDone, ActRefused)
NEEDS_NO_INTENT = frozenset({"pure", "read"})


def key_of_step(invocation: str, run: int, path: str) -> str:
    """Give the idempotency key of a step: every try has the same, every other step another."""
    if MODEL_PATH in path:
        named = path
    else:
        step, _, index = path.partition(".")
        named = f"{step}/{index or 0}"
    return hashlib.sha256(f"{invocation}/{run}/{named}".encode()).hexdigest()


# ---- I2


def nothing_is_invented(history: History) -> Iterable[Violation]:
    """Every handoff's id follows from its cause, every effect has a licence from before it."""
    here = reading(history)
    causes = _Causes(here)
    for handed in here.handed:
        if handed.is_submission or handed.envelope is None:
            continue
        cause = handed.envelope.causation_id or ""
        if cause not in causes.known:
            sentence = f"{handed.id} has a cause that is nowhere: {cause}"
            yield Violation("I2", sentence, at(handed.record))
        elif not causes.gives(cause, handed.id):
            sentence = f"{handed.id} does not follow from its cause {cause}"
            yield Violation("I2", sentence, at(handed.record))
    yield from _keys_out_of_nowhere(here, causes)
    yield from _outcomes_without_licence(here)
    yield from _ends_of_nothing(here)
    yield from _priorities_changed(here)
    for key, effects in here.effects.items():
        yield from _without_licence(here, key, effects)


def _priorities_changed(here: Reading) -> Iterator[Violation]:
    """What follows from a task has its priority, and lies on the inbox of that one."""
    asked = {
        told.event.task_id: priority_of(told.event.priority)
        for told in here.told
        if isinstance(told.event, Accepted)
    }
    for handed in here.handed:
        # A submission may pass the second inbox whatever its priority: references are known there.
        envelope = handed.envelope
        if handed.is_submission or envelope is None or envelope.task_id not in asked:
            continue
        wanted = asked[envelope.task_id]
        if priority_of(envelope.priority) is not wanted:
            sentence = f"{handed.id} is not of {wanted} priority, as its task is"
            yield Violation("I2", sentence, at(handed.record))
        own = with_priority(without_priority(handed.topic), wanted)
        if handed.topic != own and own in here.inboxes:
            sentence = f"{handed.id}, of {wanted} priority, lies on {handed.topic}"
            yield Violation("I2", sentence, at(handed.record))


class _Causes:
    """What may have caused something, and which ids follow from it."""

    def __init__(self, here: Reading) -> None:
        self._runs = {of: len(times) for of, times in here.redriven.items()}
        self._paths: dict[str, set[str]] = defaultdict(set)
        for told in here.told:
            if isinstance(told.event, QuestionAsked):
                self._paths[told.event.invocation].add(told.event.step)
        for _, entry in here.entries(Kind.INTENT):
            self._paths[entry.invocation].add(entry.path)
        self.known = set(here.by_id)
        self.known |= {ended_id(one.event) for one in here.told if isinstance(one.event, ENDS)}
        # A gather can gather a gather: whatever is known so far may have opened a fan-out.
        new = self.known
        while new:
            new = {gather_invocation_id(f) for one in new for f in self.fan_outs(one)} & {
                told.envelope.causation_id or ""
                for told in here.handed
                if told.envelope is not None
            } - self.known
            self.known |= new

    def runs(self, cause: str) -> range:
        return range(self._runs.get(cause, 0) + 1)

    def fan_outs(self, cause: str) -> list[str]:
        return [fan_out_id(cause, run) for run in self.runs(cause)]

    def gives(self, cause: str, handoff: str) -> bool:
        paths = (PATH_OF_RETURN, *sorted(self._paths.get(cause, ())))
        for run in self.runs(cause):
            for path in paths:
                indexes = chain(range(16), (MARKER_INDEX,), range(16, PARTS_COUNT_MAX))
                if any(handoff_id(cause, run, path, index) == handoff for index in indexes):
                    return True
        return False


def _keys_out_of_nowhere(here: Reading, causes: _Causes) -> Iterator[Violation]:
    for line, entry in here.entries(Kind.INTENT):
        key = entry.facts.get("idem_key")
        runs = causes.runs(entry.invocation)
        if key not in {one for run in runs for one in _keys_of(entry, run)}:
            sentence = f"the key of step {entry.path} of {entry.invocation} does not follow from it"
            yield Violation("I2", sentence, at(line.record))


def asks_keeper(entry: Entry) -> bool:
    """Say whether an intent is that of a write to memory whose verdict is awaited."""
    return entry.facts.get("topic") == COMMANDS


def _keys_of(entry: Entry, run: int) -> Iterator[str]:
    """Give the keys that a step may have: a question's is its own id, a person is asked by path."""
    yield key_of_step(entry.invocation, run, entry.path)
    if entry.facts.get("effect") == "ask":
        # What memory refused with a conflict is asked anew, under the number of its try.
        tried = int(str(entry.facts.get("attempt", 1))) if asks_keeper(entry) else 1
        yield handoff_id(entry.invocation, run, entry.path, tried - 1)
        yield f"{entry.invocation}/{entry.path}"


def _without_licence(here: Reading, key: str, effects: Iterable[Effect]) -> Iterator[Violation]:
    licences = [line.record.timestamp_ms for line, _ in here.intents.get(key, ())]
    for effect in effects:
        if effect.happened is not Happening.BEGUN or effect.effect in NEEDS_NO_INTENT:
            continue
        if not any(licensed_ms <= effect.time_ms for licensed_ms in licences):
            sentence = f"{effect.tool} acted under key {key[:12]}… without an intent before it"
            yield Violation("I2", sentence, (f"effects at {effect.time_ms} ms",))


def _outcomes_without_licence(here: Reading) -> Iterator[Violation]:
    """What came of a step is only known of one that was begun, or decided by somebody."""
    licensed = {entry.facts.get("name") for _, entry in here.entries(Kind.INTENT)}
    answered = {
        (record.header("ce_for") or b"").decode(errors="replace")
        for topic in here.history.topics()
        if topic.endswith(ANSWERS)
        for record in here.history.committed(topic)
    }
    for (invocation, path), entries in here.steps.items():
        begun: set[object] = set()
        for line, entry in entries:
            attempt = entry.facts.get("attempt")
            if entry.kind is Kind.INTENT:
                begun.add(attempt)
            if entry.kind is not Kind.OUTCOME:
                continue
            if entry.facts.get("name") in licensed and attempt not in begun:
                sentence = f"step {path} of {invocation} has an outcome and was never begun"
                yield Violation("I2", sentence, at(line.record))
            if "by" in entry.facts and f"{invocation}/{path}/{attempt}" not in answered:
                sentence = f"step {path} of {invocation} was decided, and nobody has said so"
                yield Violation("I2", sentence, at(line.record))


def _ends_of_nothing(here: Reading) -> Iterator[Violation]:
    """What an event says of a record, it says of one that is there."""
    begins = {(one.topic, one.partition): one.begin for one in reversed(here.history.watermarks)}
    places = {(one.topic, one.record.partition, one.record.offset) for one in here.handed}
    for told in here.told:
        event = told.event
        if not isinstance(event, AtLane) or event.offset < 0:
            continue
        begin = begins.get((here.history.full(event.topic), event.partition), 0)
        if event.offset >= begin and (event.topic, event.partition, event.offset) not in places:
            of = f"{event.topic}[{event.partition}]@{event.offset}"
            yield Violation("I2", f"{of} is spoken of, and nothing lies there", at(told.record))


# ---- I3


def nothing_is_there_twice(history: History) -> Iterable[Violation]:
    """No message lies twice on the topics, and each (id, run) ends once."""
    here = reading(history)
    for same in here.by_id.values():
        counted = [one for one in same if not _is_repeat_of_submission(here, one, same)]
        if len(counted) > 1:
            sentence = f"{counted[0].id} is there {len(counted)} times"
            yield Violation("I3", sentence, at(*(one.record for one in counted)))
    yield from _ends_twice(here)
    yield from _said_twice(here)


def _said_twice(here: Reading) -> Iterator[Violation]:
    """The ledger says each thing once, but for what its writers may say again."""
    said: dict[str, Told] = {}
    for told in here.told:
        if isinstance(told.event, SAID_AGAIN):
            continue
        name = event_id(told.event)
        if name in said:
            sentence = f"the ledger says twice: {name}"
            yield Violation("I3", sentence, at(said[name].record, told.record))
        said[name] = told


def _is_repeat_of_submission(here: Reading, one: Handed, same: Iterable[Handed]) -> bool:
    if not one.is_submission:
        return False
    if (one.topic, one.record.partition, one.record.offset) in here.copies:
        return True
    return was_forwarded(one, same)


def _ends_twice(here: Reading) -> Iterator[Violation]:
    for of, ends in here.ends.items():
        counted = [
            told
            for told in ends
            # A repeat of a submission shares its id with the one that was taken in.
            if not (
                isinstance(told.event, Dropped) and told.event.reason is not DropReason.CANCELED
            )
        ]
        # Being accepted and refused unread is one end; each redrive allows one more.
        allowed = 1 + len(here.redriven.get(of, ()))
        if len(counted) > allowed:
            words = ", ".join(type(told.event).__name__.lower() for told in counted)
            sentence = f"{of} has ended {len(counted)} times: {words}"
            yield Violation("I3", sentence, at(*(told.record for told in counted)))


# ---- I11


def nothing_exceeds_its_bounds(history: History) -> Iterable[Violation]:
    """Hops, the width of fan-outs and what a task may spend stay within their bounds."""
    here, bounds = reading(history), history.run.bounds
    dead = {
        (told.event.topic, told.event.partition, told.event.offset)
        for told in here.told
        if isinstance(told.event, DeadLettered | Rejected)
    }
    for handed in here.handed:
        envelope, record = handed.envelope, handed.record
        refused = (handed.topic, record.partition, record.offset) in dead
        if envelope is None or refused:
            continue
        # The one that would go too far is written, and refused where it arrives.
        if envelope.hop > bounds.hops and handed.topic in here.inboxes:
            yield Violation("I11", f"{handed.id} was handed on {envelope.hop} times", at(record))
        wide = [one for one in envelope.fan_outs if one.parts > bounds.fan_out]
        if wide:
            sentence = f"{handed.id} belongs to a fan-out of {wide[0].parts} parts"
            yield Violation("I11", sentence, at(record))
    yield from _too_dear(history)


def _too_dear(history: History) -> Iterator[Violation]:
    limit = history.run.bounds.spend_micros
    if limit is None:
        return
    for facts in states(history).values():
        if facts.cost_micros > limit:
            sentence = f"task {facts.task_id} has spent {facts.cost_micros} of {limit} millionths"
            yield Violation("I11", sentence)
