"""What a space that carries several models of its records makes of each of them."""

from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from handrail.contract.failure import State
from handrail.contract.memory import Memory, MemoryClass
from handrail.errors.memory import RecordUnreadable
from handrail.memory.asked import Alike, Conflicting, Reason, Refusal, Stored, Unchanged
from handrail.memory.deciding import digest_of
from handrail.memory.shelf import Place, Shelf
from handrail.runtime.worker.memory_reads import as_given
from handrail.wire.memory import Op
from tests.unit.memory.asking import asked, decided, key_in, space_of, stored


class OlderNote(BaseModel):
    """A note as it was before."""

    schema_name: ClassVar[str] = "note"

    text: str


class NewerNote(BaseModel):
    """A note as it is now."""

    schema_name: ClassVar[str] = "note"
    schema_version: ClassVar[int] = 2

    text: str
    source: str = ""


def test_what_is_merged_into_a_record_of_an_older_model_stays_of_that_model() -> None:
    space = space_of(MemoryClass.FACT, carries=(OlderNote, NewerNote))
    older = stored(space, type_name="note.v1")
    command = asked(space, Op.MERGE, {"text": "else"}, type_name="note.v2")

    added = decided(space, command, older)

    assert isinstance(added, Stored)
    assert added.record.type_name == "note.v1"


@pytest.mark.parametrize(
    ("carries", "there", "op", "given"),
    [
        ((OlderNote, NewerNote), {"text": "so"}, Op.MERGE, {"text": "else"}),
        ((OlderNote, NewerNote), {"text": "so"}, Op.MERGE, {"text": "so"}),
        (int, 3, Op.INCREMENT, 1),
        (list, ["one"], Op.ADD, "other"),
        (list, ["one"], Op.APPEND, "other"),
    ],
)
def test_nothing_is_added_to_a_record_of_a_model_that_is_not_declared(
    carries: Any, there: object, op: Op, given: object
) -> None:
    space = space_of(MemoryClass.FACT, carries=carries)
    first = decided(space, asked(space, value=there, expect=0))
    assert isinstance(first, Stored)
    strange = replace(first.record, type_name="memo.v1")

    refused = decided(space, asked(space, op, given), strange)
    removed = replace(strange, removed=True, value=None, version=2)
    anew = decided(space, asked(space, op, given), removed)

    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.state) == (Reason.MODEL, State.PRECONDITION_FAILED)
    assert "it was written as memo.v1" in refused.detail
    assert "handrail runbook HR-MEM-013" in refused.remedy
    assert isinstance(anew, Stored)
    assert anew.record.type_name == space.type_name


def test_a_value_of_each_model_that_a_space_carries_is_kept_as_what_it_is() -> None:
    space = space_of(MemoryClass.FACT, carries=(OlderNote, NewerNote))

    older = decided(space, asked(space, expect=0, type_name="note.v1"))
    unnamed = decided(space, asked(space, expect=0))
    other = decided(space, asked(space, expect=0, type_name="note.v3"))

    assert isinstance(older, Stored)
    assert isinstance(unnamed, Stored)
    assert isinstance(other, Refusal)
    assert (older.record.type_name, unnamed.record.type_name) == ("note.v1", "note.v2")
    assert "holds note.v1 or note.v2" in other.detail
    assert space.type_of(OlderNote(text="a")) == "note.v1"
    assert space != space_of(MemoryClass.FACT, carries=NewerNote)


def test_a_record_of_a_model_that_is_not_declared_is_refused_with_its_cure() -> None:
    before = stored(space_of(MemoryClass.FACT, carries=OlderNote), type_name="note.v1")
    space: Memory[NewerNote] = Memory("notes", carries=NewerNote, keeps=MemoryClass.FACT)

    with pytest.raises(RecordUnreadable) as unreadable:
        as_given(space, before, None)

    error = unreadable.value
    assert "notes/k/1@1 cannot be read as note.v2: no model of that name" in error.what
    assert "written as note.v1" in error.why
    assert "carries=(Older, Newer)" in error.do[0]
    assert "handrail memory put notes k/1 JSON" in error.do[1]
    assert error.version == 1


def test_what_is_put_as_another_model_with_the_same_fields_is_a_version_of_its_own() -> None:
    space = space_of(MemoryClass.FACT, carries=(OlderNote, NewerNote))
    older = stored(space, type_name="note.v1")

    raised = decided(space, asked(space, expect=1, type_name="note.v2"), older)
    by_person = decided(space, asked(space, expect=1, by="person:ada"), older)
    again = decided(space, asked(space, expect=1, type_name="note.v1"), older)

    assert isinstance(raised, Stored)
    assert isinstance(by_person, Stored)
    assert isinstance(again, Unchanged)
    for made in (raised, by_person):
        assert (made.record.type_name, made.record.version) == ("note.v2", 2)
        assert as_given(space, made.record, None) is not None


def test_who_writes_a_record_of_a_model_that_is_not_declared_anew_can_read_it() -> None:
    space = space_of(MemoryClass.FACT, carries=NewerNote)
    strange = stored(space, type_name="memo.v1")

    made = decided(space, asked(space, expect=1, type_name="note.v2"), strange)

    assert isinstance(made, Stored)
    given = as_given(space, made.record, None)
    assert given is not None
    assert given.value == NewerNote(text="it is so")


def test_a_put_that_is_asked_again_as_another_model_is_not_the_one_of_before() -> None:
    space = space_of(MemoryClass.FACT, carries=(OlderNote, NewerNote))
    first = replace(asked(space, expect=0, type_name="note.v1"), message_id="i-1")
    there = decided(space, first)
    other = replace(asked(space, expect=0, type_name="note.v2"), message_id="i-1")
    assert isinstance(there, Stored)

    assert isinstance(decided(space, first, there.record), Unchanged)
    assert decided(space, other, there.record) == Conflicting(1)


def test_the_same_words_as_another_model_are_linked_and_stand_for_nothing_else() -> None:
    space = space_of(MemoryClass.FACT, carries=(OlderNote, NewerNote))
    shelf = Shelf({space.name: space.keeps})
    value = {"text": "The ferry crosses the river at noon on every day"}
    first = decided(space, asked(space, value=value, expect=0, type_name="note.v1"))
    assert isinstance(first, Stored)
    shelf.put(first.record, len(first.body), digest_of(first.body))
    key = key_in(space, "claim/" + "a" * 32)

    same = shelf.alike(Place(space.name, key), value, "note.v1")
    other = shelf.alike(Place(space.name, key), value, "note.v2")
    shelf.close()

    assert same == Alike(first.record.key, 1, exactly=True)
    assert other == Alike(first.record.key, 1, exactly=False)
    newer = asked(space, value=value, expect=0, key=key, type_name="note.v2")
    made = decided(space, newer, alike=other)
    assert isinstance(made, Stored)
    assert (made.record.type_name, made.record.same_as) == ("note.v2", first.record.key)
