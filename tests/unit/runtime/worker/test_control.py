"""What a process knows of the switches that people set, and from when on."""

from dataclasses import replace

import pytest

from handrail.errors import TopicsMissing
from handrail.lane.switches import CONTROL, KEPT_AFTER_DEADLINE_MS, Cancel
from handrail.runtime.worker.control import Control
from handrail.testing.clock import VirtualClock
from tests.promises.ground import Ground
from tests.waiting import until

NOW_MS = 1_800_000_000_000
CANCEL = Cancel("t1", NOW_MS + 1000, exact=True, by="ada", why="", asked_ms=NOW_MS)


async def test_what_stood_there_is_known_once_the_start_returns_and_later_ones_follow() -> None:
    ground = Ground.in_memory()
    async with ground.bus() as bus:
        await ground.prepare(bus, CONTROL)
        for number in range(20):
            earlier = replace(CANCEL, task_id=f"t{number}")
            await bus.sender().send(earlier.outgoing(ground.topic(CONTROL)))
        control = Control(bus, ground.topic(CONTROL), VirtualClock(NOW_MS))

        await control.start()
        known = control.switches.count
        await bus.sender().send(replace(CANCEL, task_id="x").outgoing(ground.topic(CONTROL)))

        assert known == 20
        await until(lambda: control.switches.cancel_of("x", CANCEL.until_ms))
        await control.close()


async def test_a_cancel_whose_time_is_over_is_deleted_by_the_next_process_that_starts() -> None:
    ground = Ground.in_memory()
    async with ground.bus() as bus:
        await ground.prepare(bus, CONTROL)
        await bus.sender().send(CANCEL.outgoing(ground.topic(CONTROL)))
        over_ms = CANCEL.until_ms + KEPT_AFTER_DEADLINE_MS
        control = Control(bus, ground.topic(CONTROL), VirtualClock(over_ms))

        await control.start()

        assert control.switches.count == 0
        written, deleted = await ground.records(bus, CONTROL)
        assert (written.key, deleted.key, deleted.value) == (CANCEL.key, CANCEL.key, None)
        await control.close()


async def test_a_team_without_the_topic_is_told_how_to_make_it() -> None:
    ground = Ground.in_memory()
    async with ground.bus() as bus:
        with pytest.raises(TopicsMissing) as missing:
            await Control(bus, ground.topic(CONTROL), VirtualClock(NOW_MS)).start()

        assert missing.value.facts["topics"] == "ns.control"
