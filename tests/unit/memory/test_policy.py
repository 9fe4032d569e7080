"""A memory policy says in words what the classes do, and nothing that the keeper does not do."""

from typing import Any, cast

import pytest
from pydantic import BaseModel

from handrail.contract.memory import DAY_S, Access, Memory, MemoryClass, PersonalData, Quota
from handrail.errors.memory import SpaceInvalid
from handrail.memory.asked import Stored
from handrail.memory.difference import difference
from handrail.memory.policy import policy_of
from handrail.wire.label import Integrity
from handrail.wire.memory import Op
from tests.unit.memory.asking import NOW_MS, asked, decided, space_of, stored


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
    assert "whether or not what it points to is still there" in said[MemoryClass.ARTIFACT]


def test_scratch_is_said_to_persist_for_as_long_as_it_does() -> None:
    space = space_of(MemoryClass.WORKING)
    deadline_ms = NOW_MS + 5_000_000

    found = decided(space, asked(space, deadline_ms=deadline_ms))

    assert isinstance(found, Stored)
    assert found.record.expires_ms == deadline_ms + round(DAY_S * 1000)
    assert "Persists until a day after the deadline of its task, whenever that ends." in words(
        space
    )


#: Whoever writes with a label of this origin, and how the policy calls such an origin.
ORIGINS = {
    Integrity.UNTRUSTED: "untrusted input",
    Integrity.INTERNAL: "the team's own agents",
    Integrity.USER: "people",
}


#: Of which what nobody vouches for is never kept, whatever a space says of itself.
TRUSTED_ALONE = (MemoryClass.PREFERENCE, MemoryClass.PROCEDURE)


@pytest.mark.parametrize("keeps", ["fact", "fct", None, MemoryClass])
def test_what_is_no_memory_class_is_refused_with_the_classes_that_there_are(keeps: Any) -> None:
    with pytest.raises(SpaceInvalid) as refused:
        Memory("orders", carries=str, keeps=keeps)

    assert repr(keeps) in refused.value.what
    assert "MemoryClass.FACT" in refused.value.do[0]


@pytest.mark.parametrize("term", ["readers", "writers"])
def test_a_text_in_place_of_a_tuple_of_names_is_not_taken_for_its_letters(term: str) -> None:
    with pytest.raises(SpaceInvalid) as refused:
        Access(**cast("dict[str, Any]", {term: "payer"}))

    assert f"{term}='payer'" in refused.value.what
    assert refused.value.do == (f"write Access({term}=('payer',))",)


@pytest.mark.parametrize("keeps", TRUSTED_ALONE)
def test_a_space_of_what_is_trusted_alone_cannot_be_declared_to_take_untrusted_input(
    keeps: MemoryClass,
) -> None:
    with pytest.raises(SpaceInvalid) as refused:
        space_of(keeps, access=Access(integrity=Integrity.UNTRUSTED))

    assert f"a {keeps} never comes from untrusted input" in refused.value.what
    assert "Access(integrity=Integrity.INTERNAL)" in refused.value.do[0]


@pytest.mark.parametrize(
    ("keeps", "integrity"),
    [
        (keeps, integrity)
        for keeps in MemoryClass
        for integrity in Integrity
        if (keeps not in TRUSTED_ALONE or integrity is not Integrity.UNTRUSTED)
    ],
)
def test_what_is_said_of_an_origin_is_what_the_keeper_does_with_it(
    keeps: MemoryClass, integrity: Integrity
) -> None:
    space = space_of(keeps, access=Access(integrity=integrity))
    said = policy_of(space).untrusted
    found = set[str]()
    for origin, name in ORIGINS.items():
        one = asked(space, expect=0, by="person:ada", label=f"{origin} tenant")
        decision = decided(space, one)
        if not isinstance(decision, Stored):
            found.add("is never stored")
        elif decision.record.quarantined:
            found.add("is in quarantine")
        as_it_is = isinstance(decision, Stored) and not decision.record.quarantined
        assert (f" {name} " in said) is not as_it_is or "with a label that says so" in said
    assert len(found) <= 1
    assert (found or {"is stored with a label that says so"}).pop() in said


def test_quarantine_is_said_to_end_by_what_ends_it() -> None:
    for integrity in (Integrity.SYSTEM, Integrity.USER, Integrity.INTERNAL):
        space = space_of(MemoryClass.FACT, access=Access(integrity=integrity))
        said = policy_of(space).untrusted
        hidden = stored(space_of(MemoryClass.FACT), quarantined=True)

        anew = decided(
            space, asked(space, by="person:ada", value={"text": "new"}, expect=1), hidden
        )
        vouched = decided(space, asked(space, Op.ENDORSE, by="person:ada", expect=1), hidden)

        assert isinstance(anew, Stored)
        assert isinstance(vouched, Stored)
        assert ("or writes it anew" in said) == (not anew.record.quarantined)
        assert ("endorses it" in said) == (not vouched.record.quarantined)


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
