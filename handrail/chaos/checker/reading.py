"""What a history says, decoded once: journals, ledger, handoffs, steps, and who ended what.

Nothing here judges. What cannot be decoded is kept with its reason, for whoever does.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from handrail.chaos.history import Effect, Happening, History
from handrail.errors import WireError
from handrail.errors.lane import JournalBroken
from handrail.lane.journal import (
    LANE,
    STEP_KINDS,
    Entry,
    Kind,
    decode_entry,
    journaled_offset,
)
from handrail.lane.progress import OffsetMetadata
from handrail.ledger.event import (
    DeadLettered,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    Redriven,
    Rejected,
    StepWasted,
)
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.ledger.happened import AtLane
from handrail.ledger.task_record import RESULTS, TASK_ENDED_TYPE
from handrail.wire.codec import decode_envelope, is_foreign
from handrail.wire.envelope import Envelope
from handrail.wire.ids import id_of_foreign
from handrail.wire.priority import REFERENCE_IS_NEW, Priority, priority_in, with_priority
from handrail.wire.record import Record, TopicPartition

JOURNAL, ANSWERS, DEAD = ".journal", ".answers", ".dead"
#: Topics that carry no handoffs, besides those whose names end in one of the words above.
OWN_TOPICS = frozenset({LEDGER, "tasks", "control", "human", "blobs"})
#: What a journal keeps beside the work in hand: what was decided, for as long as it matters.
REMEMBERED = frozenset({Kind.GATHER_CLOSED, Kind.BLOCKED, Kind.REDRIVEN})
ENDS = (Finished, DeadLettered, Rejected, Dropped, MarkerPassed, PartGathered)
End = Finished | DeadLettered | Rejected | Dropped | MarkerPassed | PartGathered


@dataclass(frozen=True, slots=True)
class Line:
    """One committed journal record; neither an entry nor `broken` means a tombstone."""

    agent: str
    record: Record
    entry: Entry | None = None
    broken: str = ""

    @property
    def key(self) -> bytes:
        """The key as it was written."""
        return self.record.key or b""


@dataclass(frozen=True, slots=True)
class Told:
    """One event, and where it stands."""

    record: Record
    event: Event


@dataclass(frozen=True, slots=True)
class Handed:
    """One committed message on an inbox or another topic of messages."""

    topic: str  #: without the namespace
    record: Record
    id: str
    envelope: Envelope | None  #: None: a plain record, or one whose attributes cannot be read

    @property
    def is_submission(self) -> bool:
        """Whether it begins a task rather than follow from another message."""
        return self.envelope is None or self.envelope.causation_id is None


@dataclass(frozen=True, slots=True)
class Come:
    """How far a lane says that it has come."""

    low: int
    metadata: OffsetMetadata
    line: Line

    def has_finished(self, offset: int) -> bool:
        """Whether this offset was finished by then."""
        return offset < self.low or bool(self.metadata.done >> (offset - self.low) & 1)


@lru_cache(maxsize=4)
def reading(history: History) -> "Reading":
    """Decode a history; the same one is decoded once."""
    return Reading(history)


class Reading:
    """A decoded history. Everything is worked out when it is first asked for."""

    def __init__(self, history: History) -> None:
        """Decode nothing yet."""
        self.history = history

    # ---- journals

    @cached_property
    def journals(self) -> Mapping[TopicPartition, Sequence[Line]]:
        """Every journal partition's committed records, in order."""
        found: dict[TopicPartition, list[Line]] = {}
        for topic in self.history.topics():
            if topic.endswith(JOURNAL):
                agent = topic.removesuffix(JOURNAL)
                for record in self.history.committed(topic):
                    found.setdefault(record.where, []).append(_line(agent, record))
        return found

    def lines(self) -> Iterator[Line]:
        """Give every journal record, partition by partition."""
        for lines in self.journals.values():
            yield from lines

    def entries(self, *kinds: Kind) -> Iterator[tuple[Line, Entry]]:
        """Give every journal record of these kinds, partition by partition."""
        for line in self.lines():
            if line.entry is not None and line.entry.kind in kinds:
                yield line, line.entry

    @cached_property
    def steps(self) -> Mapping[tuple[str, str], Sequence[tuple[Line, Entry]]]:
        """By invocation and path: all that was ever journaled of a step, in order."""
        found: dict[tuple[str, str], list[tuple[Line, Entry]]] = defaultdict(list)
        for line, entry in self.entries(*STEP_KINDS):
            found[entry.invocation, entry.path].append((line, entry))
        return found

    @cached_property
    def intents(self) -> Mapping[str, Sequence[tuple[Line, Entry]]]:
        """By idempotency key: the licences to act, in order; a voided one is none."""
        found: dict[str, list[tuple[Line, Entry]]] = defaultdict(list)
        for line, entry in self.entries(Kind.INTENT):
            if "void" not in entry.facts:
                found[str(entry.facts.get("idem_key", ""))].append((line, entry))
        return found

    @cached_property
    def live(self) -> Mapping[TopicPartition, Mapping[bytes, Line]]:
        """What each journal holds at its end, what concerns the lane itself left out."""
        return {where: _fold(lines) for where, lines in self.journals.items()}

    @cached_property
    def progress(self) -> Mapping[TopicPartition, Sequence[Come]]:
        """By journal partition: how far its lane said that it had come, in order."""
        found: dict[TopicPartition, list[Come]] = {}
        for line, entry in self.entries(Kind.PROGRESS):
            low, metadata = journaled_offset(entry)
            found.setdefault(line.record.where, []).append(Come(low, metadata, line))
        return found

    def journal_of(self, lanes: str, partition: int) -> TopicPartition:
        """Name the journal partition of a lane: of an agent, or of its high priority."""
        return TopicPartition(self.history.full(f"{lanes}{JOURNAL}"), partition)

    def journal_beside(self, inbox: str, partition: int) -> TopicPartition:
        """Name the journal partition of the lane that reads a partition of an inbox."""
        lanes = with_priority(self.inboxes[inbox], priority_in(inbox))
        return self.journal_of(lanes, partition)

    # ---- the ledger

    @cached_property
    def told(self) -> Sequence[Told]:
        """Every event of the ledger, partition by partition, in order."""
        return [told for told in map(_told, self.history.committed(LEDGER)) if told is not None]

    @cached_property
    def ends(self) -> Mapping[str, Sequence[Told]]:
        """By the id of a record or an invocation: what the ledger says about its end."""
        found: dict[str, list[Told]] = defaultdict(list)
        for told in self.told:
            if isinstance(told.event, ENDS):
                found[ended_id(told.event)].append(told)
        return found

    @cached_property
    def redriven(self) -> Mapping[str, Sequence[Told]]:
        """By invocation: when it was taken back from the dead letters."""
        found: dict[str, list[Told]] = defaultdict(list)
        for told in self.told:
            if isinstance(told.event, Redriven):
                found[told.event.invocation].append(told)
        return found

    @cached_property
    def wasted(self) -> Mapping[tuple[str, str], Sequence[StepWasted]]:
        """By invocation and path: attempts whose cost was booked as waste."""
        found: dict[tuple[str, str], list[StepWasted]] = defaultdict(list)
        for told in self.told:
            if isinstance(told.event, StepWasted):
                found[told.event.invocation, told.event.step].append(told.event)
        return found

    @cached_property
    def copies(self) -> frozenset[tuple[str, int, int]]:
        """Where repeats of submissions stand that were dropped: topic, partition, offset."""
        dropped = [told.event for told in self.told if isinstance(told.event, Dropped)]
        return frozenset(
            (one.topic, one.partition, one.offset)
            for one in dropped
            if one.reason is not DropReason.CANCELED
        )

    # ---- messages

    @cached_property
    def handed(self) -> Sequence[Handed]:
        """Every committed message on a topic of messages, topic by topic, in order."""
        return [
            _handed(topic, record)
            for topic in filter(is_for_messages, self.history.topics())
            for record in self.history.committed(topic)
            if not (topic == RESULTS and record.header("ce_type") == TASK_ENDED_TYPE)
        ]

    @cached_property
    def by_id(self) -> Mapping[str, Sequence[Handed]]:
        """By id: the committed messages."""
        found: dict[str, list[Handed]] = defaultdict(list)
        for handed in self.handed:
            found[handed.id].append(handed)
        return found

    @cached_property
    def written(self) -> frozenset[tuple[str, str]]:
        """Topic and id of every committed record that has one, answers to steps included."""
        return frozenset(
            (topic, (record.header("ce_id") or b"").decode(errors="replace"))
            for topic in self.history.topics()
            if not topic.endswith(JOURNAL)
            for record in self.history.committed(topic)
        )

    @cached_property
    def inboxes(self) -> Mapping[str, str]:
        """By the name of an inbox, without the namespace: the agent that reads it."""
        found = {inbox: one.name for one in self.history.run.agents for inbox in one.inboxes}
        for told in self.told:
            if isinstance(told.event, AtLane):
                found.setdefault(told.event.topic, told.event.agent)
        return found

    # ---- the provider

    @cached_property
    def effects(self) -> Mapping[str, Sequence[Effect]]:
        """By idempotency key: what the provider saw, in order."""
        found: dict[str, list[Effect]] = defaultdict(list)
        for effect in sorted(self.history.effects, key=lambda one: one.time_ms):
            found[effect.key].append(effect)
        return found

    def count(self, key: str, happened: Happening) -> int:
        """Count how often something happened under a key."""
        return sum(effect.happened is happened for effect in self.effects.get(key, ()))


def ended_id(event: End) -> str:
    """Give the id of the record or invocation that an event says has ended."""
    match event:
        case Finished(invocation=of) | DeadLettered(invocation=of):
            return of
        case Rejected(ce_id=of) | Dropped(ce_id=of) | MarkerPassed(ce_id=of):
            return of
        case PartGathered(ce_id=of):
            return of


def was_forwarded(one: Handed, same: Iterable[Handed]) -> bool:
    """Whether a submission lies once more, under its own id, where its lane has sent it.

    That is its reference's partition, the second inbox, which knows references, or from there the
    first one, with a mark.
    """
    if not one.is_submission or REFERENCE_IS_NEW in one.record.headers:
        return False
    others = [other for other in same if other is not one]
    if any(REFERENCE_IS_NEW in other.record.headers for other in others):
        return True
    if priority_in(one.topic) is Priority.NORMAL and any(o.topic != one.topic for o in others):
        return True
    task = next((o.envelope.task_id for o in others if o.envelope is not None), "")
    return one.record.key != task.encode() and any(
        other.record.key == task.encode() and other.record.partition != one.record.partition
        for other in others
    )


def is_for_messages(topic: str) -> bool:
    """Whether a topic, named without namespace, carries handoffs, outputs or results."""
    is_side = topic.endswith((JOURNAL, ANSWERS, DEAD))
    return not is_side and topic not in OWN_TOPICS and not topic.startswith("memory.")


def concerns_lane(key: bytes) -> bool:
    """Whether a journal key is of the lane itself and of no invocation."""
    return key.startswith(f"{LANE}/".encode())


def _fold(lines: Sequence[Line]) -> dict[bytes, Line]:
    live: dict[bytes, Line] = {}
    for line in lines:
        live.pop(line.key, None)
        if line.record.value is not None and not concerns_lane(line.key):
            live[line.key] = line
    return live


def _line(agent: str, record: Record) -> Line:
    try:
        return Line(agent, record, decode_entry(record))
    except JournalBroken as error:
        return Line(agent, record, broken=str(error.facts["detail"]))


def _told(record: Record) -> Told | None:
    event = decode(record)
    return None if isinstance(event, UnknownEvent) else Told(record, event)


def _handed(topic: str, record: Record) -> Handed:
    place = id_of_foreign(record.topic, record.partition, record.offset)
    if is_foreign(record):
        return Handed(topic, record, place, None)
    try:
        envelope = decode_envelope(record)
    except WireError:
        return Handed(topic, record, place, None)
    return Handed(topic, record, envelope.id, envelope)
