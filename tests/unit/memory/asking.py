"""Asks the keeper's judgement about one command, in few words."""

from typing import Any

from pydantic import BaseModel

from handrail.contract.memory import Access, Memory, MemoryClass, PersonalData
from handrail.memory.asked import (
    NOTHING,
    Alike,
    Asked,
    Decision,
    Present,
    Stored,
    Surroundings,
    Usage,
)
from handrail.memory.deciding import decide, digest_of
from handrail.wire.memory import Command, Op, StoredRecord, full_key

TENANT, TASK, NOW_MS = "acme", "task-1", 1_000_000


class Note(BaseModel):
    """Something worth to be remembered."""

    text: str


def space_of(keeps: MemoryClass, **facts: Any) -> Memory[Any]:
    """Declare a space of a class that carries notes."""
    return Memory("notes", carries=facts.pop("carries", Note), keeps=keeps, **facts)


PEOPLE = Access(personal=PersonalData.SUBJECT)


def key_in(space: Memory[Any], key: str = "k/1", tenant: str = TENANT) -> str:
    """Give a key as the engine makes it for this space."""
    task = TASK if space.rules.of_one_task else None
    return full_key(tenant, key, task=task, subject="d1" if space.is_personal else None)


def asked(space: Memory[Any], op: Op = Op.PUT, value: Any = None, **facts: Any) -> Asked:
    """Give a command of the clerk; facts of the envelope and of the command by their names."""
    around = {
        name: facts.pop(name)
        for name in ("task_id", "tenant", "deadline_ms", "label", "offset")
        if name in facts
    }
    command = Command(
        op=op,
        space=space.name,
        key=facts.pop("key", None) or key_in(space),
        by=facts.pop("by", "clerk"),
        value={"text": "it is so"} if value is None and op is Op.PUT else value,
        **facts,
    )
    given: dict[str, Any] = {"offset": 7, "task_id": TASK, "tenant": TENANT, **around}
    return Asked(command=command, partition=0, **given)


def present_of(record: StoredRecord | None) -> Present:
    """Give what is there."""
    if record is None:
        return NOTHING
    body = record.encode()
    there = None if record.removed else record
    return Present(record.version, there, digest_of(body), 0 if record.removed else len(body))


def around(**facts: Any) -> Surroundings:
    """Give surroundings in which nothing else is to be looked at."""
    alike: Alike | None = facts.pop("alike", None)
    whole: dict[str, Any] = {
        "now_ms": NOW_MS,
        "usage": Usage(),
        "partitions": 1,
        "is_held": False,
        **facts,
    }
    return Surroundings(alike=lambda _value, _type: alike, **whole)


def decided(
    space: Memory[Any], one: Asked, record: StoredRecord | None = None, **facts: Any
) -> Decision:
    """Decide."""
    return decide(one, space, present_of(record), around(**facts))


def stored(space: Memory[Any], **facts: Any) -> StoredRecord:
    """Give a record that the keeper has written, changed by facts of the record."""
    first = decided(space, asked(space, expect=0, by=facts.pop("by", "person:ada")))
    assert isinstance(first, Stored), first
    return StoredRecord(**{**_fields(first.record), **facts})


def _fields(record: StoredRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
