"""Following the ledger in process; the same bodies run on Kafka."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from handrail.ledger import queries
from handrail.ledger.projection import Projection
from handrail.runtime.follow import catch_up
from handrail.wire.record import Record
from tests.promises.follow import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.ground import Ground
from tests.unit.ledger.told import Story
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


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
