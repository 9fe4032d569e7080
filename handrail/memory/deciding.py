"""Decides what becomes of one command: the keeper's whole judgement, as a pure function.

Guarantee: a version is the next one after every version that the key had, removals included. A
command that changes nothing writes nothing. Nothing that a command holds raises.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from handrail.contract.failure import State
from handrail.contract.memory import Memory
from handrail.errors.root import HandrailError
from handrail.memory.applying import DoesNotFitError, applied
from handrail.memory.asked import (
    Asked,
    Conflicting,
    Decision,
    Present,
    Reason,
    Refusal,
    Seen,
    Stored,
    Surroundings,
    Unchanged,
    Usage,
)
from handrail.memory.gate import (
    refused_copy,
    refused_echo,
    refused_foreign,
    refused_forgotten,
    refused_model,
    refused_origin,
    refused_quota,
    refused_text,
    refused_value,
)
from handrail.memory.likeness import is_opaque
from handrail.memory.next_version import marked, removal, type_after, written
from handrail.memory.review import is_due
from handrail.memory.rights import refused_key, refused_right
from handrail.wire.label import OF_TEAM, label_of
from handrail.wire.memory import COMMUTATIVE, Op, StoredRecord, key_in_words

#: What changes a record and leaves its value as it is.
_KEEPS_VALUE: Final = frozenset({Op.FLAG, Op.ENDORSE})


def decide(asked: Asked, space: Memory[Any], present: Present, around: Surroundings) -> Decision:
    """Say what becomes of a command that is about one key."""
    refusal = refused_right(asked, space) or refused_key(asked, space)
    refusal = refusal or refused_foreign(asked, present) or refused_forgotten(around)
    if refusal is not None:
        return refusal
    seen = _seen(asked, present, around.now_ms)
    answer = _compared(asked, space, seen)
    if answer is not None:
        return answer
    command = asked.command
    if command.op is Op.REMOVE:
        return _removed(asked, space, seen, around)
    if command.op in _KEEPS_VALUE:
        return _marked(asked, space, seen, around)
    if command.op is not Op.PUT and command.op not in COMMUTATIVE:
        return _does_not_fit(f"{command.op} is about a subject, not about a record")
    return _written(asked, space, seen, around)


def _seen(asked: Asked, present: Present, now_ms: int) -> Seen:
    record = present.record
    if record is not None:
        expired = record.expires_ms is not None and record.expires_ms <= now_ms
        # Whoever takes back means a version, also one that nobody is given any more.
        gone = expired and not _takes_back(asked)
        if gone or (record.quarantined and not asked.by_person):
            record = None
    if present.is_foreign:
        return Seen(present, None, present.version)
    return Seen(present, record, record.version if record is not None else 0)


def _takes_back(asked: Asked) -> bool:
    command = asked.command
    return command.op in {Op.REMOVE, Op.FLAG} or command.rollback_of is not None


def _compared(asked: Asked, space: Memory[Any], seen: Seen) -> Decision | None:
    """Compare the version that is expected with the one that is there; None: go on."""
    command = asked.command
    if command.op in COMMUTATIVE:
        return None
    if command.expect is None:
        named = command.op is not Op.PUT or not space.rules.compares or seen.version == 0
        return None if named else Conflicting(seen.version)
    if _has_written(asked, space, seen):
        # With other origins it is another statement, and stands in the place of its own.
        is_new = space.rules.changes and not _names_origins(asked, seen)
        return None if is_new else Unchanged(command.key, seen.version)
    if command.expect > seen.present.version or command.expect < 0:
        return Refusal(
            Reason.FUTURE,
            State.PRECONDITION_FAILED,
            f"it was to be changed from version {command.expect}, and the newest there ever was is"
            f" {seen.present.version}",
            "read it again; if the version was read, this is not the memory it was read from",
        )
    return None if command.expect == seen.version else Conflicting(seen.version)


def _has_written(asked: Asked, space: Memory[Any], seen: Seen) -> bool:
    """Say whether this very put was carried out before, for the same invocation.

    One that died before it had heard so and is sent back asks again, under another id.
    """
    command, record = asked.command, seen.record
    if record is None or command.op is not Op.PUT or not asked.message_id:
        return False
    before = f"{command.key}@{command.expect}" if command.expect else None
    return (
        record.message_id == asked.message_id
        and record.agent == command.by
        and record.supersedes == before
        and record.value == command.value
        and record.type_name == type_after(asked, space, seen)
        and not record.quarantined
    )


def _names_origins(asked: Asked, seen: Seen) -> bool:
    """Say whether the record that is there names all that a command is derived from."""
    return seen.record is not None and set(asked.command.derived_from) <= set(
        seen.record.derived_from
    )


def _written(asked: Asked, space: Memory[Any], seen: Seen, around: Surroundings) -> Decision:
    command = asked.command
    before = seen.record.value if seen.record is not None else None
    if command.op in COMMUTATIVE and (command.sealed or space.is_personal):
        return _does_not_fit("a sealed value can only be put as a whole")
    refusal = refused_model(space, seen.record) if command.op in COMMUTATIVE else None
    if refusal is not None:
        return refusal
    try:
        value = applied(command.op, before, command.value)
    except DoesNotFitError as error:
        return _does_not_fit(str(error))
    type_name = type_after(asked, space, seen)
    is_same = seen.record is not None and _is_same(asked, seen.record, value, type_name)
    if is_same and not _is_looked_at(asked, space, seen, around):
        return Unchanged(command.key, seen.version)
    if seen.record is not None and not space.rules.changes:
        return Refusal(
            Reason.FIXED,
            State.PRECONDITION_FAILED,
            f"a record of class {space.keeps} never changes, and this one is there already",
            "write what is new under a key of its own",
        )
    refusal = (
        refused_value(asked, space, value, type_name)
        or refused_copy(command.key, command.derived_from, around.personal)
        or refused_origin(asked, space, seen.present)
    )
    if refusal is None and not command.sealed and command.rollback_of is None:
        # What is added to a record is judged for itself: the rest was there before.
        adds = command.op in COMMUTATIVE
        replaces = not adds or command.op is Op.MERGE
        is_change = replaces and seen.present.record is not None
        said = command.value if adds else value
        refusal = refused_echo(space, said, command.seen, is_change=is_change)
        refusal = refusal or refused_text(space, value)
    if refusal is not None:
        return refusal
    alike = None if command.sealed else around.alike(value, type_name)
    if alike is not None and alike.exactly and _tells_nothing(asked, space, seen):
        return Unchanged(alike.key, alike.version)
    record = written(asked, space, seen, around.now_ms, value)
    if alike is not None:
        record = replace(record, same_as=alike.key)
    if is_same:
        record = replace(record, builds_on=seen.version)
    if seen.record is not None and command.expect not in (None, seen.version):
        # It stands in the place of its own: as that one it is known again, however often asked for.
        record = replace(record, supersedes=seen.record.supersedes)
    return _stored(record, space, seen, around)


def _is_looked_at(asked: Asked, space: Memory[Any], seen: Seen, around: Surroundings) -> bool:
    """Say whether a person puts once more what wants a look."""
    record = seen.record
    return asked.by_person and record is not None and is_due(space, record, around.now_ms)


def _tells_nothing(asked: Asked, space: Memory[Any], seen: Seen) -> bool:
    """Say whether a key adds nothing to its value, so that one record of the value is enough.

    Two orders may both be paid: where a key tells what its value is about, both are kept.
    """
    is_first = seen.present.version == 0
    return is_first and is_opaque(asked.command.key) and not space.rules.of_one_task


def _is_same(asked: Asked, record: StoredRecord, value: object, type_name: str) -> bool:
    command = asked.command
    # The same fields of another model are another statement, and no other model reads them.
    return (
        record.type_name == type_name
        and record.value == value
        and type(record.value) is type(value)
        and record.expires_ms is None
        and record.sealed == command.sealed
        and not record.quarantined
        and record.flagged is None
        and command.rollback_of is None
        and set(command.derived_from) <= set(record.derived_from)
        and command.confidence in (None, record.confidence)
        and command.observed_ms in (None, record.observed_ms)
    )


def _marked(asked: Asked, space: Memory[Any], seen: Seen, around: Surroundings) -> Decision:
    command, record = asked.command, seen.record
    if record is None:
        return _nothing_there(asked)
    is_trusted_already = not record.quarantined and _is_vouched_for(record)
    # Where records want a look from time to time, whoever endorses one has looked at it.
    if command.op is Op.ENDORSE and is_trusted_already and space.rules.review_s is None:
        return Unchanged(command.key, seen.version)
    return encoded(marked(asked, record, seen, around.now_ms))


def _is_vouched_for(record: StoredRecord) -> bool:
    return label_of(record.label, absent=OF_TEAM).is_trusted


def _removed(asked: Asked, space: Memory[Any], seen: Seen, around: Surroundings) -> Decision:
    if seen.present.record is None and not seen.present.is_foreign:
        return Unchanged(asked.command.key, seen.present.version)
    if not space.rules.erasable:
        return Refusal(
            Reason.FIXED,
            State.PRECONDITION_FAILED,
            f"a record of class {space.keeps} is never removed",
            "write a record that says what is different now",
        )
    if around.is_held:
        return held()
    return encoded(removal(asked, seen.present, around.now_ms))


def held() -> Refusal:
    """Refuse to take away what a legal hold is on."""
    return Refusal(
        Reason.HELD,
        State.PRECONDITION_FAILED,
        "a legal hold is on its subject: nothing about them may be removed",
        "ask whoever set the hold; `handrail memory release` ends it",
    )


def encoded(record: StoredRecord) -> Stored:
    """Give a version with its bytes."""
    return Stored(record, record.encode())


def _stored(record: StoredRecord, space: Memory[Any], seen: Seen, around: Surroundings) -> Decision:
    try:
        stored = encoded(record)
    except HandrailError as error:
        return Refusal(Reason.SIZE, State.INVALID_INPUT, error.what, "keep less in one record")
    is_new = seen.present.record is None and not seen.present.is_foreign
    added = Usage(1 if is_new else 0, len(stored.body) - seen.present.bytes)
    return refused_quota(space, around, added=added) or stored


def digest_of(body: bytes) -> str:
    """Give the digest under which the next version names this one."""
    return sha256(body).hexdigest()


def _does_not_fit(why: str) -> Refusal:
    remedy = "read what is there, and put a whole value"
    return Refusal(Reason.OPERATION, State.PRECONDITION_FAILED, why, remedy)


def _nothing_there(asked: Asked) -> Refusal:
    command = asked.command
    return Refusal(
        Reason.OPERATION,
        State.NOT_FOUND,
        f"there is no record {command.space}/{key_in_words(command.key)} to {command.op}",
        "check the key; `handrail memory get` shows what is there",
    )
