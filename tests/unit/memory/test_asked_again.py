"""A put that its own invocation asks for again, since it died before it had heard of it."""

from dataclasses import replace

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import Asked, Conflicting, Stored, Unchanged
from handrail.wire.memory import StoredRecord
from tests.unit.memory.asking import asked, decided, space_of

FACT = space_of(MemoryClass.FACT)


def put(*origins: str, space: MemoryClass = MemoryClass.FACT, expect: int = 0) -> Asked:
    command = asked(space_of(space), expect=expect, derived_from=origins)
    return replace(command, message_id="i-1")


def first(*origins: str, space: MemoryClass = MemoryClass.FACT) -> StoredRecord:
    made = decided(space_of(space), put(*origins, space=space))
    assert isinstance(made, Stored)
    return made.record


def test_what_is_asked_again_with_other_origins_names_them_from_then_on() -> None:
    there = first("doc-1")

    second = decided(FACT, put("doc-2"), there)

    assert isinstance(second, Stored)
    assert (second.record.version, second.record.derived_from) == (2, ("doc-2",))
    assert second.record.value == there.value
    third = decided(FACT, put("doc-2"), second.record)
    assert isinstance(third, Unchanged)
    assert third.version == 2


def test_what_is_asked_again_with_fewer_origins_is_done_already() -> None:
    there = first("doc-1", "doc-2")

    again = decided(FACT, put("doc-2"), there)

    assert again == Unchanged(there.key, 1)


def test_what_never_changes_keeps_the_origins_that_it_had() -> None:
    there = first("doc-1", space=MemoryClass.DECISION)

    again = decided(space_of(MemoryClass.DECISION), put("doc-2", space=MemoryClass.DECISION), there)

    assert again == Unchanged(there.key, 1)


def test_what_somebody_else_has_written_since_is_a_conflict_whatever_its_origins() -> None:
    there = replace(first("doc-1"), message_id="i-2")

    assert isinstance(decided(FACT, put("doc-2"), there), Conflicting)
