"""What the keeper makes of labels when records are added to and endorsed."""

import pytest

from handrail.contract.memory import Access, MemoryClass
from handrail.memory.asked import Stored
from handrail.wire.label import Integrity
from handrail.wire.memory import Op
from tests.unit.memory.asking import asked, decided, space_of, stored

FACT = space_of(MemoryClass.FACT)


def test_what_a_person_endorses_is_labelled_as_theirs_and_seen_by_no_more_people() -> None:
    endorse = asked(FACT, Op.ENDORSE, by="person:ada", expect=1)

    found = decided(FACT, endorse, stored(FACT, label="untrusted restricted"))

    assert isinstance(found, Stored)
    assert found.record.label == "user restricted"


@pytest.mark.parametrize(
    ("there", "writer", "label"),
    [
        ("untrusted public", "user tenant", "untrusted tenant"),
        ("user tenant", "untrusted public", "untrusted tenant"),
        ("what is this", "user tenant", "untrusted restricted"),
        ("untrusted public", None, "untrusted tenant"),
    ],
)
def test_what_is_added_to_a_record_is_no_better_than_the_rest_of_it(
    there: str, writer: str | None, label: str
) -> None:
    access = Access(integrity=Integrity.UNTRUSTED)
    space = space_of(MemoryClass.FACT, carries=list[str], access=access)
    present = decided(space, asked(space, value=["a"], expect=0, label=there))
    assert isinstance(present, Stored)

    found = decided(space, asked(space, Op.APPEND, value="b", label=writer), present.record)

    assert isinstance(found, Stored)
    assert (found.record.label, found.record.value) == (label, ["a", "b"])
