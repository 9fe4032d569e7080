"""What the journal keeps of an invocation between its tries."""

from handrail.lane.invocation import Invocation
from handrail.lane.resting import accepted_entry, take_up
from handrail.lane.retry import Tries


def resting(**facts: object) -> Invocation:
    return Invocation("a1", b"key", 7, 1_000, None, None, **facts)  # type: ignore[arg-type]


def test_how_far_in_memory_a_failed_try_had_seen_outlives_its_process() -> None:
    before = resting(tries=Tries(counted=2, total=2), memory_read="0:14,3:2")
    after = resting()

    take_up(after, accepted_entry(before, 1, "1", 2_000))

    assert (after.memory_read, after.tries) == ("0:14,3:2", before.tries)


def test_one_that_has_seen_nothing_says_nothing_of_it() -> None:
    entry = accepted_entry(resting(), 1, "1", 2_000)

    assert "memory_read" not in entry.facts
    take_up(after := resting(memory_read="0:1"), entry)
    assert after.memory_read is None
