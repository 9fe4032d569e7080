"""Following the ledger on a real Kafka: the same bodies as in process."""

import uuid

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus
from handrail.bus.where import Connection
from tests.promises.follow import (
    test_a_deleted_file_is_made_anew_with_the_same_rows,
    test_a_file_that_is_damaged_while_it_is_used_is_made_anew,
    test_a_ledger_that_was_made_anew_is_noticed_and_folded_afresh,
    test_a_namespace_without_a_ledger_has_nothing_to_fold,
    test_catching_up_folds_everything_and_then_only_what_is_new,
    test_following_tells_which_tasks_changed_until_nobody_listens,
    test_several_that_follow_into_one_file_fold_each_event_once,
)
from tests.promises.ground import Ground

__all__ = [
    "test_a_deleted_file_is_made_anew_with_the_same_rows",
    "test_a_file_that_is_damaged_while_it_is_used_is_made_anew",
    "test_a_ledger_that_was_made_anew_is_noticed_and_folded_afresh",
    "test_a_namespace_without_a_ledger_has_nothing_to_fold",
    "test_catching_up_folds_everything_and_then_only_what_is_new",
    "test_following_tells_which_tasks_changed_until_nobody_listens",
    "test_several_that_follow_into_one_file_fold_each_event_once",
]


@pytest.fixture
def ground(broker: str) -> Ground:
    async def connect() -> Bus:
        bus = KafkaBus(Connection(broker, "PLAINTEXT"))
        await bus.start()
        return bus

    return Ground(connect, f"t{uuid.uuid4().hex[:8]}")
