"""What a space that carries several models of its records makes of each of them."""

from typing import ClassVar

import pytest
from pydantic import BaseModel

from handrail.contract.memory import Memory, MemoryClass
from handrail.errors.memory import RecordUnreadable
from handrail.memory.asked import Refusal, Stored
from handrail.runtime.worker.memory_reads import as_given
from handrail.wire.memory import Op
from tests.unit.memory.asking import asked, decided, space_of, stored


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
    strange = stored(space, type_name="note.v0")
    command = asked(space, Op.MERGE, {"text": "else"}, type_name="note.v2")

    added = decided(space, command, older)
    renewed = decided(space, command, strange)

    assert isinstance(added, Stored)
    assert isinstance(renewed, Stored)
    assert (added.record.type_name, renewed.record.type_name) == ("note.v1", "note.v2")


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
