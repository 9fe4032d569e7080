"""The key of a record decides what runs in order and what side by side."""

from handrail.wire.envelope import FanOutHeader
from handrail.wire.key import record_key
from tests.unit.wire.envelopes import SAMPLE

OUTER, INNER = FanOutHeader("drafts", "outer", 0, 2), FanOutHeader("findings", "inner", 3, 4)
PART = SAMPLE.but(fan_outs=(OUTER, INNER))


def test_outside_of_a_fan_out_a_task_keeps_its_order() -> None:
    assert record_key(SAMPLE, "questions") == SAMPLE.task_id.encode()


def test_parts_of_the_innermost_fan_out_run_side_by_side() -> None:
    assert record_key(PART, "questions") == b"inner/3"


def test_parts_meet_where_they_are_gathered_whatever_the_topic_says() -> None:
    assert record_key(PART, "findings", own="x") == b"inner"
    assert record_key(PART, "drafts") == b"inner/3"


def test_a_topic_may_name_its_own_key() -> None:
    assert record_key(PART, "questions", own="order-42") == b"order-42"
