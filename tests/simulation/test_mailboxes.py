"""Order is judged for each key within one inbox, and so within one priority."""

import pytest

from handrail.wire.record import TopicPartition
from tests.simulation.mailboxes import Waiting, out_of_order

PLAIN, HIGH = TopicPartition("sim.orders", 0), TopicPartition("sim.orders.high", 0)


@pytest.mark.parametrize(
    ("lies_on", "key", "is_wrong"),
    [(PLAIN, b"red", True), (PLAIN, b"blue", False), (HIGH, b"red", False)],
)
def test_a_later_one_may_end_first_if_it_has_another_key_or_priority(
    lies_on: TopicPartition, key: bytes, is_wrong: bool
) -> None:
    inboxes: dict[TopicPartition, dict[int, tuple[str, bytes]]] = {PLAIN: {}, HIGH: {}}
    inboxes[PLAIN][0] = ("earlier", b"red")
    inboxes[lies_on][1] = ("later", key)
    waiting: dict[TopicPartition, Waiting] = {**inboxes}

    assert bool([*out_of_order(waiting, {"earlier": 9, "later": 8})]) is is_wrong
