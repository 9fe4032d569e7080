"""Following the ledger in process; the same bodies run on Kafka."""

import time

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Bus
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
def ground() -> Ground:
    broker = InProcessBroker(lambda: time.time_ns() // 1_000_000)

    async def connect() -> Bus:
        bus = InProcessBus(broker)
        await bus.start()
        return bus

    return Ground(connect, "ns")
