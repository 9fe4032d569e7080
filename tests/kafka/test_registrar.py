"""The registrar's promises on a real Kafka: the same bodies as in process."""

import uuid

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus
from handrail.bus.where import Connection
from tests.promises.ground import Ground
from tests.promises.registrar import (
    test_a_registrar_that_starts_later_goes_on_where_the_last_one_stopped,
    test_each_task_has_its_state_and_each_end_lies_under_its_reference,
    test_events_that_were_deleted_unread_stop_the_registrar_by_name,
    test_members_come_and_go_and_every_event_is_counted_once,
    test_whoever_is_fenced_while_it_owns_the_partition_opens_it_again,
)

__all__ = [
    "test_a_registrar_that_starts_later_goes_on_where_the_last_one_stopped",
    "test_each_task_has_its_state_and_each_end_lies_under_its_reference",
    "test_events_that_were_deleted_unread_stop_the_registrar_by_name",
    "test_members_come_and_go_and_every_event_is_counted_once",
    "test_whoever_is_fenced_while_it_owns_the_partition_opens_it_again",
]


@pytest.fixture
def ground(broker: str) -> Ground:
    async def connect() -> Bus:
        bus = KafkaBus(Connection(broker, "PLAINTEXT"))
        await bus.start()
        return bus

    return Ground(connect, f"t{uuid.uuid4().hex[:8]}")
