"""A memory policy says in words what the classes do, and nothing that the keeper does not do."""

from pydantic import BaseModel

from handrail.contract.memory import Access, Memory, MemoryClass, PersonalData, Quota
from handrail.memory.difference import difference
from handrail.memory.policy import policy_of
from handrail.wire.label import Integrity


class Taste(BaseModel):
    """What somebody likes."""

    likes: str


def words(space: Memory) -> str:
    return " ".join(policy_of(space).sentences())


def test_a_decision_is_said_to_be_for_ever() -> None:
    said = words(Memory("reviews", carries=str, keeps=MemoryClass.DECISION))

    assert "Persists for ever." in said
    assert "Can never be changed, nor be removed." in said
    assert "Never expires." in said


def test_every_class_has_its_words() -> None:
    said = {keeps: words(Memory("s", carries=str, keeps=keeps)) for keeps in MemoryClass}

    assert len(set(said.values())) == len(MemoryClass)
    assert "Expires 1 day after the deadline of its task" in said[MemoryClass.WORKING]
    assert "wants a look after 90 days" in said[MemoryClass.PROCEDURE]
    assert "written by people" in said[MemoryClass.PROCEDURE]
    assert "never stored" in said[MemoryClass.PROCEDURE]
    assert "never stored" in said[MemoryClass.PREFERENCE]
    assert "in quarantine until a person" in said[MemoryClass.FACT]
    assert "it may be removed" in said[MemoryClass.ARTIFACT]


def test_who_may_use_it_and_how_much_is_named() -> None:
    access = Access(
        readers=("clerk",),
        writers=("clerk", "boss"),
        integrity=Integrity.USER,
        personal=PersonalData.SUBJECT,
    )
    space = Memory(
        "tastes",
        carries=Taste,
        keeps=MemoryClass.PREFERENCE,
        ttl_s=7_200,
        quota=Quota(records=10, bytes=1 << 20),
        access=access,
    )

    found = policy_of(space)

    assert found.purpose == "What somebody likes."
    assert (found.readers, found.writers) == (("clerk",), ("clerk", "boss"))
    assert found.expires == "Expires 2 hours after it was written"
    assert found.quota == "10 records and 1 MiB"
    assert "gone when they are forgotten" in found.personal


def test_two_values_differ_in_the_fields_that_differ() -> None:
    before = {"a": 1, "b": {"c": [1], "d": 2}, "gone": True}
    after = {"a": 1, "b": {"c": [1, 2], "d": 2}, "new": None}

    assert difference(before, after) == [("b.c", [1], [1, 2]), ("gone", True, None)]
    assert difference("x", "y") == [("(value)", "x", "y")]
    assert difference(before, before) == []
    assert difference(1, True) == [("(value)", 1, True)]
