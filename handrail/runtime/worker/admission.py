"""Whether a record is carried out, and as whose: every record that arrives gets a verdict.

Pure. Nothing that a record can hold raises here: bad bytes become `Refuse`, with the reason and
the words that its dead letter will carry. On a submission the engine decides who it belongs to;
what the record says about tenant, label, hop and cause is not believed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from handrail.contract.agent import Agent
from handrail.errors.lane import DeadlinePassed
from handrail.errors.policy import PolicyDenied
from handrail.errors.root import HandrailError
from handrail.errors.wire import EnvelopeInvalid, HopLimitReached, TooLarge, WireError
from handrail.lane.gather import PartEnd
from handrail.lane.references import SeenReferences
from handrail.rails import acts
from handrail.rails.acts import denial
from handrail.rails.policy import NoPolicy, Policy
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.claim import is_claim
from handrail.wire.codec import (
    KNOWN_HEADERS,
    TIME_MS_MAX,
    content_type,
    decode_envelope,
    encode_headers,
    encode_time,
    is_foreign,
)
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.ids import id_of_foreign, task_id_of
from handrail.wire.label import OF_USER, Label, label_of
from handrail.wire.limits import (
    ASKED_BY_CHARS_MAX,
    HEADERS_BYTES_MAX,
    HOP_COUNT_MAX,
    KEY_BYTES_MAX,
    KIB,
    REFERENCE_CHARS_MAX,
)
from handrail.wire.marker import MARKER_TYPE, Marker, MarkerKind
from handrail.wire.priority import (
    REFERENCE_IS_NEW,
    Priority,
    priority_in,
    priority_of,
    with_priority,
    without_priority,
)
from handrail.wire.record import Outgoing, Record
from handrail.wire.size import check_room, headers_size

#: Attributes within it can be handed on whatever they are: what follows repeats an id and adds own.
HEADERS_PLAIN_BYTES = HEADERS_BYTES_MAX // 4
CHILD_OWN_BYTES = KIB // 2  #: id, type and source of a message that an agent writes
assert 2 * HEADERS_PLAIN_BYTES + KEY_BYTES_MAX + CHILD_OWN_BYTES <= HEADERS_BYTES_MAX
NAME_CHARS_MAX = 60  #: of a header's name in the words of a refusal

_PART_ENDS = {
    MarkerKind.EMPTY: PartEnd.EMPTY,
    MarkerKind.LOST: PartEnd.LOST,
    MarkerKind.NO_PARTS: PartEnd.NO_PARTS,
}


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What one lane admits by."""

    agent: Agent[..., Any]
    place: TeamPlace
    tenant: str
    deadline_ms_max: int  #: how far away a task's deadline may be
    home_of: Callable[[bytes], int]
    policy: Policy = field(default_factory=NoPolicy)  #: who may submit


@dataclass(frozen=True, slots=True)
class Take:
    """Carry it out; `submission` says that a task begins here."""

    envelope: Envelope
    mailbox: bytes
    submission: bool


@dataclass(frozen=True, slots=True)
class TakePart:
    """It ends a part of a fan-out that meets here."""

    envelope: Envelope
    end: PartEnd
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Pass:
    """It is a marker that is gathered elsewhere: send it there without running anything."""

    envelope: Envelope
    gather: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class Forward:
    """It lies on another partition than its reference's: write it there, with an envelope."""

    envelope: Envelope
    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class Copy:
    """The same reference was taken in within the last day: it is the same task."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Refuse:
    """It will not be carried out."""

    envelope: Envelope  #: what is known of it; made from its place when it says nothing readable
    reason: Reason
    error: HandrailError
    submission: bool


Verdict = Take | TakePart | Pass | Forward | Copy | Refuse


def judge(record: Record, rules: AdmissionRules, seen: SeenReferences, now_ms: int) -> Verdict:
    """Give the verdict on a record of this lane's inbox."""
    try:
        if is_foreign(record):
            check_room(record)
            _check_names(record)
            message = rules.agent.reads.decode(None, record.value or b"")
            envelope = _of_foreign(record, rules, rules.agent.reads.type_of(message))
            return _submission(record, envelope, rules, seen, now_ms)
        envelope = decode_envelope(record)
    except WireError as error:
        # Its body or its envelope cannot be read: what is known is where it stands.
        unread = _of_foreign(record, rules, MARKER_TYPE)
        return Refuse(unread, Reason(error.reason), error, submission=True)
    if envelope.causation_id is None:
        envelope = _owned(envelope, record, rules)
        try:
            check_room(record)
            _check_heritage(record, envelope)
            _check_names(record)
            if not is_claim(record):
                rules.agent.reads.decode(envelope.type, record.value or b"")
        except WireError as error:
            return Refuse(envelope, Reason(error.reason), error, submission=True)
        return _submission(record, envelope, rules, seen, now_ms)
    return _handoff(record, envelope, rules, now_ms)


def _of_foreign(record: Record, rules: AdmissionRules, type_name: str) -> Envelope:
    """Make an envelope for a record that has none: its key is its reference."""
    own_id = id_of_foreign(record.topic, record.partition, record.offset)
    reference = _as_reference(record.key)
    return Envelope(
        id=own_id,
        type=type_name,
        source=f"kafka/{record.topic}",
        time_ms=min(max(record.timestamp_ms, 0), TIME_MS_MAX),
        task_id=task_id_of(rules.tenant, reference) if reference else own_id,
        tenant=rules.tenant,
        reference=reference,
        deadline_ms=_latest_ms(record, rules),
        priority=_asked_priority(record, None),
        label=str(_label(record, rules)),
    )


def _label(record: Record, rules: AdmissionRules) -> Label:
    """Give where a submission comes from: from a user, or from where its topic or it says itself.

    What it says itself can only be more restrictive.
    """
    origin = Label(rules.agent.reads.integrity, OF_USER.confidentiality)
    said = record.header("ce_label")
    if said is None:
        return origin
    return origin.join(label_of(said.decode("ascii", "replace")))


def _as_reference(key: bytes | None) -> str | None:
    if not key or len(key) > KEY_BYTES_MAX:
        return None
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= REFERENCE_CHARS_MAX else None


def _owned(envelope: Envelope, record: Record, rules: AdmissionRules) -> Envelope:
    """Set what a submitter may not choose, and cap what it may ask for."""
    latest_ms = _latest_ms(record, rules)
    asked_ms = envelope.deadline_ms
    task_id = envelope.task_id
    if envelope.reference is not None:
        task_id = task_id_of(rules.tenant, envelope.reference)
    return envelope.but(
        task_id=task_id,
        tenant=rules.tenant,
        hop=0,
        memory_read=None,
        label=str(_label(record, rules)),
        plan=None,
        asked_by=_as_name(envelope.asked_by),
        priority=_asked_priority(record, envelope.priority),
        fan_outs=(),
        deadline_ms=latest_ms if asked_ms is None else min(asked_ms, latest_ms),
    )


def _as_name(claimed: str | None) -> str | None:
    """Give the name that a submitter has put to its task; None for what is no name."""
    fits = claimed is not None and len(claimed) <= ASKED_BY_CHARS_MAX and claimed.isprintable()
    return claimed if fits else None


def _asked_priority(record: Record, named: str | None) -> str | None:
    """Give what a submission asks for: by its header, else by the inbox that it was put on."""
    known = {one.value: one for one in Priority}
    asked = known.get(named or "", priority_in(record.topic))
    return asked.value if asked is Priority.HIGH else None


def _latest_ms(record: Record, rules: AdmissionRules) -> int:
    return min(max(record.timestamp_ms, 0) + rules.deadline_ms_max, TIME_MS_MAX)


def _check_heritage(record: Record, envelope: Envelope) -> None:
    """Raise TooLarge when what follows from this message could not carry its attributes on."""
    if headers_size(record.headers) > HEADERS_PLAIN_BYTES:
        size = headers_size(encode_headers(envelope.but(causation_id=envelope.id)))
        if size + CHILD_OWN_BYTES > HEADERS_BYTES_MAX:
            limit = HEADERS_BYTES_MAX - CHILD_OWN_BYTES
            raise TooLarge(what_is_large="headers", size=size, limit=limit)


def _check_names(record: Record) -> None:
    """Raise EnvelopeInvalid when a header's name is no text: nobody can know what it asks for."""
    if record.unreadable_names:
        name = record.unreadable_names[0][:NAME_CHARS_MAX]
        detail = "its name is not UTF-8; what is none of it stands as escapes such as \\xff"
        raise EnvelopeInvalid(header=name, detail=detail)


def _submission(
    record: Record,
    envelope: Envelope,
    rules: AdmissionRules,
    seen: SeenReferences,
    now_ms: int,
) -> Verdict:
    two, here = rules.agent.reads.priorities, priority_in(record.topic)
    if envelope.reference is not None and not (two and _is_known_new(record, here)):
        if two and here is Priority.NORMAL:
            # Both inboxes have one place where a reference is known, and it is never far behind.
            return _forward(record, envelope, Priority.HIGH)
        if rules.home_of(envelope.task_id.encode()) != record.partition:
            return _forward(record, envelope, here)
        this_one = f"{envelope.id}@{record.offset}"
        if not seen.take(envelope.task_id, this_one, record.timestamp_ms):
            return Copy(envelope)
    if two and priority_of(envelope.priority) is not here:
        return _forward(record, envelope, priority_of(envelope.priority), REFERENCE_IS_NEW)
    if envelope.deadline_ms is not None and now_ms > envelope.deadline_ms:
        return _too_late(envelope, submission=True)
    # Last, so that whoever repeats somebody else's reference changes nothing of that task.
    denied = denial(rules.policy, acts.submission(envelope, rules.agent.reads.name))
    if denied is not None:
        error = _with_the_way_back(denied, envelope)
        return Refuse(envelope, Reason.DENIED, error, submission=True)
    return Take(envelope, mailbox_of(record, envelope), submission=True)


def _with_the_way_back(denied: PolicyDenied, envelope: Envelope) -> PolicyDenied:
    """Say how a task that was denied goes on once it is allowed: its reference is taken.

    It stays so although nothing came of it. Whoever has the lane next reads from the partition
    which references were seen; were one free that the rules of some day denied, what was taken in
    under it later would be a repeat under the rules of another day, and lost.
    """
    if envelope.reference is None:
        return denied
    back = (
        f"handrail dead redrive --task {envelope.task_id}    once it is allowed;"
        " its reference sent again within 24 hours is a repeat, and dropped"
    )
    return PolicyDenied(**{**denied.facts, "remedy": f"{denied.facts['remedy']}\n{back}"})


def _is_known_new(record: Record, here: Priority) -> bool:
    return here is Priority.NORMAL and REFERENCE_IS_NEW in record.headers


def _forward(
    record: Record, envelope: Envelope, to: Priority, *marks: tuple[str, bytes]
) -> Forward:
    """Send a submission to the inbox of this priority, or to its home partition there."""
    key = record.key if envelope.reference is None else envelope.task_id.encode()
    # Said in words: without one, the inbox that it is put on would say what it asks for.
    asked = envelope.but(priority=priority_of(envelope.priority).value)
    headers = with_envelope(record, envelope if priority_in(record.topic) is to else asked).headers
    topic = with_priority(without_priority(record.topic), to)
    return Forward(envelope, Outgoing(topic, key, record.value, (*headers, *marks)))


def _handoff(record: Record, envelope: Envelope, rules: AdmissionRules, now_ms: int) -> Verdict:
    is_marker = envelope.type == MARKER_TYPE
    innermost = envelope.fan_outs[-1] if envelope.fan_outs else None
    gathers = rules.agent.gathers
    try:
        _check_heritage(record, envelope)
        check_room(record)
    except TooLarge as large:
        # A gather could not even be told: its attributes leave no room for those of a marker.
        alone = envelope.but(fan_outs=()) if large.facts["what_is_large"] == "headers" else envelope
        return Refuse(alone, Reason.SIZE, large, submission=False)
    try:
        _check_names(record)
    except EnvelopeInvalid as odd_name:
        return Refuse(envelope, Reason.DECODE, odd_name, submission=False)
    if envelope.hop > HOP_COUNT_MAX and not is_marker:
        error = HopLimitReached(hop=envelope.hop, limit=HOP_COUNT_MAX)
        return Refuse(envelope, Reason.HOP_LIMIT, error, submission=False)
    if is_marker and innermost is not None and not gathers:
        try:
            return Pass(envelope, innermost.gather, Marker.decode(record.value))
        except WireError as error:
            return Refuse(envelope, Reason(error.reason), error, submission=False)
    if gathers:
        return _part(record, envelope, rules, is_marker=is_marker)
    if envelope.deadline_ms is not None and now_ms > envelope.deadline_ms:
        return _too_late(envelope, submission=False)
    return Take(envelope, mailbox_of(record, envelope), submission=False)


def _part(record: Record, envelope: Envelope, rules: AdmissionRules, *, is_marker: bool) -> Verdict:
    try:
        if is_marker:
            found = Marker.decode(record.value)
            return TakePart(envelope, _PART_ENDS[found.kind], found.reason or "")
        if not is_claim(record):
            rules.agent.reads.decode(envelope.type, record.value or b"")
    except WireError as error:
        return Refuse(envelope, Reason(error.reason), error, submission=False)
    return TakePart(envelope, PartEnd.MESSAGE)


def _too_late(envelope: Envelope, *, submission: bool) -> Refuse:
    assert envelope.deadline_ms is not None
    error = DeadlinePassed(
        where="before its handler could start", deadline=encode_time(envelope.deadline_ms)
    )
    return Refuse(envelope, Reason.DEADLINE, error, submission=submission)


def mailbox_of(record: Record, envelope: Envelope) -> bytes:
    """Records without a key do not wait for one another."""
    return record.key or f"{envelope.id}".encode()


def with_envelope(record: Record, envelope: Envelope) -> Record:
    """Give the record as if it had come with this envelope; body and foreign headers stay."""
    own = encode_headers(envelope, content_type(record))
    foreign = tuple(pair for pair in record.headers if pair[0] not in KNOWN_HEADERS)
    return replace(record, headers=(*own, *foreign))
