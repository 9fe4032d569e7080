"""Who looks at a record again renews it: by endorsing it, or by writing it anew."""

import pytest

from handrail.contract.memory import DAY_S, MemoryClass
from handrail.memory.asked import Stored, Unchanged
from handrail.memory.review import is_due, review_ms
from handrail.wire.memory import Op
from tests.unit.memory.asking import NOW_MS, asked, decided, space_of, stored

DAYS = {
    MemoryClass.WORKING: None,
    MemoryClass.FACT: None,
    MemoryClass.PREFERENCE: 180,
    MemoryClass.PROCEDURE: 90,
    MemoryClass.ARTIFACT: None,
    MemoryClass.DECISION: None,
}
REVIEWED = [keeps for keeps, days in DAYS.items() if days]


@pytest.mark.parametrize("keeps", list(MemoryClass))
def test_a_look_is_due_after_the_days_of_the_class_and_not_before(keeps: MemoryClass) -> None:
    space, days = space_of(keeps), DAYS[keeps]
    record = stored(space)

    at_ms = review_ms(space, record)

    if days is None:
        assert at_ms is None
        assert not is_due(space, record, 2**62)
    else:
        assert at_ms is not None
        assert at_ms == NOW_MS + days * DAY_S * 1000
        assert not is_due(space, record, at_ms)
        assert is_due(space, record, at_ms + 1)


@pytest.mark.parametrize("keeps", REVIEWED)
@pytest.mark.parametrize("op", [Op.ENDORSE, Op.PUT])
def test_a_person_renews_what_is_due_by_endorsing_or_writing_it(keeps: MemoryClass, op: Op) -> None:
    space = space_of(keeps)
    record = stored(space)
    late_ms = (review_ms(space, record) or 0) + 1

    found = decided(space, asked(space, op, by="person:bob", expect=1), record, now_ms=late_ms)

    assert isinstance(found, Stored)
    assert (found.record.version, found.record.value) == (2, record.value)
    assert found.record.agent == "person:bob"
    assert not is_due(space, found.record, late_ms + 1)


def test_an_agent_that_says_the_same_again_has_not_looked_at_it() -> None:
    space = space_of(MemoryClass.PREFERENCE)
    record = stored(space)
    late_ms = (review_ms(space, record) or 0) + 1

    found = decided(space, asked(space, expect=1), record, now_ms=late_ms)

    assert isinstance(found, Unchanged)


@pytest.mark.parametrize("keeps", REVIEWED)
def test_what_is_not_due_is_renewed_by_endorsing_it_and_not_by_writing_the_same(
    keeps: MemoryClass,
) -> None:
    space = space_of(keeps)
    record = stored(space)

    endorsed = decided(space, asked(space, Op.ENDORSE, by="person:bob", expect=1), record)
    written = decided(space, asked(space, by="person:bob", expect=1), record)

    assert isinstance(endorsed, Stored)
    assert isinstance(written, Unchanged)
