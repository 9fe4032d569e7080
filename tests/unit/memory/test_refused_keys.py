"""A record under a key that is refused now, because it says something about a person."""

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import Refusal, Stored
from handrail.wire.memory import Op, full_key
from tests.unit.memory.asking import asked, decided, space_of, stored

FACT = space_of(MemoryClass.FACT)


def test_what_lies_under_a_key_that_is_refused_now_can_be_taken_away_and_is_not_repeated() -> None:
    old = stored(FACT, key=full_key("acme", "tel/+491701234567"))
    change = asked(FACT, key=old.key, expect=1, value={"text": "it is otherwise"}, by="person:ada")

    refused = decided(FACT, change, old)
    gone = decided(FACT, asked(FACT, Op.REMOVE, key=old.key, expect=1, by="person:ada"), old)

    assert isinstance(refused, Refusal)
    assert "+491701234567" not in refused.detail + refused.remedy
    assert "with subject=" in refused.remedy
    assert isinstance(gone, Stored)
    assert gone.record.removed
