"""Following the ledger in process; the same bodies run on Kafka."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Bus
from handrail.ledger import queries
from handrail.ledger.projection import Projection
from handrail.runtime.follow import catch_up
from handrail.wire.record import Record
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
from tests.unit.ledger.told import Story
from tests.waiting import until

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


class Watched(Projection):
    """A projection that says when it begins to fold."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.began = threading.Event()

    def take(self, records: Sequence[Record], beginning: str) -> frozenset[str] | None:
        self.began.set()
        return super().take(records, beginning)


async def test_another_process_that_writes_stops_the_folding_and_not_the_event_loop(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger")
        await ground.tell(bus, Story("t").accepted())
        one, other = Watched(tmp_path / "p.db"), Projection(tmp_path / "p.db")

        with other.database.transaction():
            folding = asyncio.create_task(catch_up(bus, ground.namespace, one))
            await until(one.began.is_set, what="it begins to fold")
        await folding

        assert [facts.task_id for facts in queries.tasks(other, limit=9)] == ["t"]
        one.close()
        other.close()


async def test_a_cancelled_fold_has_let_go_of_the_file_when_it_ends(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger")
        await ground.tell(bus, Story("t").accepted())
        one, other = Watched(tmp_path / "p.db"), Projection(tmp_path / "p.db")

        with other.database.transaction():
            folding = asyncio.create_task(catch_up(bus, ground.namespace, one))
            await until(one.began.is_set, what="it begins to fold")
            folding.cancel()
            await asyncio.wait({folding}, timeout=0.05)
            ended_early = folding.done()
        with contextlib.suppress(asyncio.CancelledError):
            await folding

        assert not ended_early
        assert folding.cancelled()
        one.close()
        other.close()
