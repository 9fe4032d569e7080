"""What `handrail cancel` writes, and what it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.bus.port import Bus
from handrail.bus.settings import Settings
from handrail.cli.cancel import cancel_task
from handrail.cli.projection import known_task
from handrail.errors import TaskEnded, TaskUnknown
from handrail.lane.switches import CONTROL, Cancel
from handrail.ledger.projection import Projection
from handrail.runtime.follow import catch_up
from tests.promises.ground import Ground
from tests.unit.ledger.told import Story

SETTINGS = Settings(namespace="ns")


@pytest.fixture
def projection(tmp_path: Path) -> Iterator[Projection]:
    found = Projection(tmp_path / "ns.sqlite")
    yield found
    found.close()


async def canceled(bus: Bus, projection: Projection, wanted: str) -> None:
    await catch_up(bus, "ns", projection)
    facts = await known_task(SETTINGS, projection, bus, wanted)
    await cancel_task(SETTINGS, projection, bus, facts, ("a typo", "ada"))


async def test_a_task_is_canceled_with_its_reason_and_its_own_deadline(
    projection: Projection, capsys: pytest.CaptureFixture[str]
) -> None:
    ground, s = Ground.in_memory(), Story("t1")
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger", CONTROL)
        await ground.tell(bus, s.accepted(reference="invoice-7", deadline_ms=9_000_000))

        await canceled(bus, projection, "invoice-7")
        await canceled(bus, projection, "t1")

        (record,) = await ground.records(bus, CONTROL)
        cancel = Cancel.of(record)
        assert cancel is not None
        assert (cancel.task_id, cancel.until_ms, cancel.exact) == ("t1", 9_000_000, True)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("Task t1: Canceled by ada: a typo\n")
        assert "One handoff of it is still" in said.err
        assert "Task t1 was canceled already. Canceled by ada: a typo" in said.err


async def test_a_task_that_nobody_has_taken_yet_is_canceled_whatever_deadline_it_gets(
    projection: Projection,
) -> None:
    ground, s = Ground.in_memory(), Story("t1")
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger", CONTROL)
        await ground.tell(bus, s.submitted())

        await canceled(bus, projection, "t1")

        (record,) = await ground.records(bus, CONTROL)
        cancel = Cancel.of(record)
        assert cancel is not None
        assert not cancel.exact
        assert cancel.covers(cancel.asked_ms + int(SETTINGS.task_deadline_s * 1000))


async def test_what_has_ended_or_is_unknown_is_refused_and_nothing_is_written(
    projection: Projection,
) -> None:
    ground, s = Ground.in_memory(), Story("t1")
    async with ground.bus() as bus:
        await ground.prepare(bus, "ledger", CONTROL)
        await ground.tell(bus, s.accepted(), s.finished("s1"))

        with pytest.raises(TaskEnded) as ended:
            await canceled(bus, projection, "t1")
        with pytest.raises(TaskUnknown) as unknown:
            await canceled(bus, projection, "t2")

        assert (ended.value.exit_code, unknown.value.exit_code) == (5, 3)
        assert "it is completed" in ended.value.what
        assert await ground.records(bus, CONTROL) == []
