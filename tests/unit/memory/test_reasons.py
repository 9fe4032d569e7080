"""Of a reason so much is kept that the record of a value has room for it."""

import pytest

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import Stored
from handrail.wire.memory import REASON_CHARS_MAX, Op
from tests.unit.memory.asking import asked, decided, space_of, stored

PREFERENCE = space_of(MemoryClass.PREFERENCE)


@pytest.mark.parametrize("op", [Op.PUT, Op.ENDORSE, Op.FLAG, Op.REMOVE])
def test_of_a_reason_that_is_much_too_long_the_beginning_is_kept(op: Op) -> None:
    facts = {"expect": 1, "by": "person:eve", "value": {"text": "x"} if op is Op.PUT else None}
    # With the record around it, it is more than a message may hold.
    command = asked(PREFERENCE, op, reason="why " * 262_100, **facts)

    found = decided(PREFERENCE, command, stored(PREFERENCE))

    assert isinstance(found, Stored)
    assert len(found.record.reason) == REASON_CHARS_MAX
    assert found.record.reason.startswith("why why")
    assert found.record.reason.endswith("…")
