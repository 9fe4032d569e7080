"""Keeps noise and danger out of memory, before anything is written and without asking a model.

Each refusal has a reason, by which refusals are counted, and words with a cure. What is sealed
cannot be looked into: whoever seals a value asks `refused_text` first.
"""

from collections.abc import Collection
from typing import Any, Final

import orjson

from handrail.contract.failure import State
from handrail.contract.memory import Memory, MemoryClass
from handrail.contract.traces import person_in, secret_in
from handrail.errors.root import HandrailError
from handrail.memory.asked import Asked, Present, Reason, Refusal, Surroundings, Usage
from handrail.memory.erasing import not_about_the_same
from handrail.memory.likeness import is_echo, text_of
from handrail.wire.label import OF_TEAM, OF_USER, Integrity, label_of
from handrail.wire.limits import KIB
from handrail.wire.memory import Op, StoredRecord, key_in_words

VALUE_BYTES_MAX: Final = 256 * KIB
SOURCES_COUNT_MAX, SOURCE_CHARS_MAX = 200, 500  #: of what a record is derived from

#: Gone within days, and never searched by anybody but its own task.
_SHORT_LIVED: Final = frozenset({MemoryClass.WORKING})


def refused_value(
    asked: Asked, space: Memory[Any], value: object, type_name: str
) -> Refusal | None:
    """Refuse what is too large, or not of this type of the space; None for what is."""
    command = asked.command
    size = len(orjson.dumps(value))
    if size > VALUE_BYTES_MAX:
        return Refusal(
            Reason.SIZE,
            State.INVALID_INPUT,
            f"the value has {size} bytes, and memory keeps at most {VALUE_BYTES_MAX}",
            "store it elsewhere, and keep its address and digest in a space of class artifact",
        )
    sources = command.derived_from
    if len(sources) > SOURCES_COUNT_MAX or any(len(one) > SOURCE_CHARS_MAX for one in sources):
        return Refusal(
            Reason.SIZE,
            State.INVALID_INPUT,
            f"it names {len(sources)} sources, or one with a very long name",
            f"name at most {SOURCES_COUNT_MAX}, each with at most {SOURCE_CHARS_MAX} characters",
        )
    if command.sealed != space.is_personal:
        what = "is not sealed" if space.is_personal else "is sealed, and nobody is its subject"
        return Refusal(
            Reason.PERSONAL,
            State.PRECONDITION_FAILED,
            f"the value {what}",
            "write through ctx.memory, which seals what is about a person",
        )
    if command.sealed:
        return _refused_seal(value)
    try:
        space.decode(type_name, orjson.dumps(value))
    except HandrailError as error:
        held = " or ".join(space.type_names)
        return Refusal(
            Reason.SCHEMA,
            State.INVALID_INPUT,
            f"space {space.name} holds {held}, and this is none: {error.what}",
            "correct the fields that are named and write it again",
        )
    return None


def refused_model(space: Memory[Any], record: StoredRecord | None) -> Refusal | None:
    """Refuse to add to a record that no model of the space reads; None for every other one.

    Its fields may mean something else there than in the models that are declared.
    """
    if record is None or record.type_name in space.type_names:
        return None
    held, was = " or ".join(space.type_names), record.type_name or "something without a name"
    return Refusal(
        Reason.MODEL,
        State.PRECONDITION_FAILED,
        f"it was written as {was}, and space {space.name} holds {held}: nothing is added to what no"
        " model of it reads",
        "let the space carry that model too, or put a whole value; `handrail runbook HR-MEM-013`"
        " says how",
    )


def refused_forgotten(around: Surroundings) -> Refusal | None:
    """Refuse a value that nobody can open any more; None for every other one."""
    if not around.is_forgotten:
        return None
    return Refusal(
        Reason.FORGOTTEN,
        State.PRECONDITION_FAILED,
        "it was sealed before its subject was forgotten, and nobody can open it any more",
        "write it again if it is still to be known; it is then sealed with a new key",
    )


def refused_copy(
    key: str, derived_from: Collection[str], personal: Collection[str]
) -> Refusal | None:
    """Refuse what was made from a record about somebody whom it is not about itself."""
    source = not_about_the_same(key, derived_from, personal)
    if source is None:
        return None
    return Refusal(
        Reason.PERSONAL,
        State.DENIED_BY_POLICY,
        f"it is derived from {source}, which is about a person, and would outlive what is known of"
        " them",
        "keep it in a space with Access(personal=PersonalData.SUBJECT), under the same subject, and"
        " name each source by its record's `reference`",
    )


def _refused_seal(value: object) -> Refusal | None:
    if isinstance(value, str):
        return None
    detail = "what is sealed is a text, and this is none"
    return Refusal(Reason.SCHEMA, State.INVALID_INPUT, detail, "write through ctx.memory")


def refused_echo(
    space: Memory[Any], value: object, seen: Collection[str], *, is_change: bool
) -> Refusal | None:
    """Refuse a value that says only what its writer had just been told; None when all is well.

    `seen` are digests of that. With `is_change` the value takes the place of another one of
    the same key, and so is no mere echo.
    """
    if is_change or space.keeps in _SHORT_LIVED or not is_echo(value, seen):
        return None
    return Refusal(
        Reason.ECHO,
        State.PRECONDITION_FAILED,
        "it says only what was just read from memory",
        "write what is new, and name in derived_from what it rests on",
    )


def refused_text(space: Memory[Any], value: object) -> Refusal | None:
    """Refuse a value for what it says: a secret, or a person where none may be."""
    text = text_of(value)
    secret = secret_in(text)
    if secret is not None:
        return Refusal(
            Reason.SECRET,
            State.DENIED_BY_POLICY,
            f"it holds what looks like {secret}",
            "take it out; secrets belong into the settings of a tool, and this one is to be renewed"
            " if anybody has seen it",
        )
    person = None
    if not space.is_personal and space.keeps not in _SHORT_LIVED:
        person = person_in(text)
    if person is not None:
        return Refusal(
            Reason.PERSONAL,
            State.DENIED_BY_POLICY,
            f"it holds {person}, and space {space.name} is declared to hold no personal data",
            "take it out, or keep it in a space with Access(personal=PersonalData.SUBJECT)",
        )
    return None


def integrity_of(label: str | None, *, by_person: bool) -> Integrity:
    """Say how far what is written can be trusted; a label that nobody knows is not."""
    return label_of(label, absent=OF_USER if by_person else OF_TEAM).integrity


def is_trusted(asked: Asked, space: Memory[Any]) -> bool:
    """Say whether what a command writes may be stored as it is."""
    return takes_as_it_is(space, integrity_of(asked.label, by_person=asked.by_person))


def takes_as_it_is(space: Memory[Any], origin: Integrity) -> bool:
    """Say whether a space stores what comes from such an origin as it is."""
    return origin.rank <= space.access.integrity.rank or space.rules.untrusted


def refused_origin(asked: Asked, space: Memory[Any], present: Present) -> Refusal | None:
    """Refuse what may not even lie in quarantine; None for what may, or is trusted."""
    if is_trusted(asked, space):
        return None
    if space.keeps is not MemoryClass.FACT:
        detail = f"space {space.name} holds no {space.keeps} of an origin that is not trusted"
    elif present.record is not None and not present.record.quarantined:
        detail = "it comes from an origin that is not trusted, and would replace what is trusted"
    else:
        return None
    remedy = "write it under a key of its own, as a fact, or let a person look at it and write it"
    return Refusal(Reason.UNTRUSTED, State.TAINTED_INPUT, detail, remedy)


def refused_foreign(asked: Asked, present: Present) -> Refusal | None:
    """Refuse to go on from what nobody can read: it may be a version that others have read.

    A person, who can look, may write a whole value in its place or take it away.
    """
    command = asked.command
    if not present.is_foreign or (asked.by_person and command.op in {Op.PUT, Op.REMOVE}):
        return None
    return Refusal(
        Reason.FOREIGN,
        State.PRECONDITION_FAILED,
        f"something else than the keeper has written under {command.space}/"
        f"{key_in_words(command.key)}, and nobody can read it",
        "have a person look, and write it anew with `handrail memory put`; `handrail runbook"
        " HR-MEM-008` says how",
    )


def refused_quota(space: Memory[Any], around: Surroundings, *, added: Usage) -> Refusal | None:
    """Refuse what would exceed the share of the quota that this partition has; None otherwise."""
    records = max(1, space.quota.records // around.partitions)
    size = max(VALUE_BYTES_MAX, space.quota.bytes // around.partitions)
    after = Usage(around.usage.records + added.records, around.usage.bytes + added.bytes)
    if added.records > 0 and after.records > records:
        full, unit = space.quota.records, "records"
    elif added.bytes > 0 and after.bytes > min(size, space.quota.bytes):
        full, unit = space.quota.bytes, "bytes"
    else:
        return None
    return Refusal(
        Reason.QUOTA,
        State.QUOTA_EXCEEDED,
        f"space {space.name} is full for this tenant: its quota is {full} {unit}",
        f"remove records, or raise Quota({unit}=...) of space {space.name}",
    )
