"""What a version says that it comes from, when it was added to what was there."""

from typing import Any

from handrail.contract.memory import Memory, MemoryClass
from handrail.memory.asked import Stored
from handrail.memory.gate import SOURCES_COUNT_MAX
from handrail.wire.memory import Op
from tests.unit.memory.asking import asked, decided


def test_what_is_added_to_keeps_where_the_rest_of_it_comes_from() -> None:
    tags: Memory[Any] = Memory("tags", carries=list, keeps=MemoryClass.FACT)
    first = decided(tags, asked(tags, Op.ADD, "b", derived_from=("m-1",)))
    assert isinstance(first, Stored)

    second = decided(tags, asked(tags, Op.ADD, "a", derived_from=("m-2",)), first.record)

    assert isinstance(second, Stored)
    assert second.record.value == ["a", "b"]
    assert second.record.derived_from == ("m-1", "m-2")


def test_what_is_added_to_for_ever_names_its_newest_sources_and_the_version_before() -> None:
    tally: Memory[Any] = Memory("tally", carries=int, keeps=MemoryClass.FACT)
    record = None
    for number in range(SOURCES_COUNT_MAX + 2):
        now = decided(tally, asked(tally, Op.INCREMENT, 1, derived_from=(f"m-{number}",)), record)
        assert isinstance(now, Stored)
        record = now.record

    assert record is not None
    assert len(record.derived_from) == SOURCES_COUNT_MAX
    assert record.derived_from[0] == "m-2"
    assert record.builds_on == record.version - 1
