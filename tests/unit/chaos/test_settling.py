"""A team comes to rest, or hangs: it has time for as long as its tasks rest or processes die."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import TopicSpec
from handrail.chaos.settling import Settling
from handrail.errors import BrokerUnreachable
from handrail.ledger.task_record import TaskRow, encode_row
from handrail.ledger.task_state import TaskFacts, TaskState

HANGS_S = 0.5
HANGS_LATE_S = 3.0  #: so long that a busy machine does not make a slow team one that hangs
TOPIC = "desk.tasks"


@asynccontextmanager
async def states() -> AsyncGenerator[InProcessBus]:
    """A broker in memory with the topic of task states, and nothing in it."""
    bus = InProcessBus(InProcessBroker(lambda: 0))
    await bus.start()
    await bus.admin.create([TopicSpec(TOPIC, 1)])
    yield bus
    await bus.close()


async def rests(bus: InProcessBus, task: str, state: TaskState = TaskState.COMPLETED) -> None:
    """Let a task have come to its end."""
    row = TaskRow(TaskFacts(task, "default", state), folded_to=1)
    await bus.sender().send(encode_row(row, TOPIC, 0))


async def test_a_task_that_never_rests_is_said_to_hang() -> None:
    async with states() as bus:
        await rests(bus, "a")
        began_s = time.monotonic()

        settled = await Settling(bus, "desk", still_s=0.1).wait(["a", "b"], HANGS_S)

    assert not settled
    assert time.monotonic() - began_s > HANGS_S


async def test_a_team_that_is_slow_has_time_for_as_long_as_its_tasks_come_to_rest() -> None:
    async with states() as bus:
        began_s = time.monotonic()
        waiting = asyncio.create_task(
            Settling(bus, "desk", still_s=0.1).wait(["a", "b", "c"], HANGS_LATE_S)
        )

        for task in ("a", "b", "c"):
            await asyncio.wait({waiting}, timeout=0.4 * HANGS_LATE_S)
            await rests(bus, task)

        assert await waiting
    assert time.monotonic() - began_s > HANGS_LATE_S


async def test_deaths_put_the_end_off_but_not_for_ever() -> None:
    async with states() as bus:
        began_s = time.monotonic()
        settling = Settling(bus, "desk", still_s=0.1, over_s_max=3 * HANGS_S)

        settled = await settling.wait(["a"], HANGS_S, asyncio.get_running_loop().time)

    assert not settled
    assert time.monotonic() - began_s > 3 * HANGS_S


async def test_a_dead_task_that_is_to_be_sent_back_does_not_rest() -> None:
    async with states() as bus:
        await rests(bus, "a", TaskState.FAILED)

        assert await Settling(bus, "desk", still_s=0.1).wait(["a"], HANGS_LATE_S)
        assert not await Settling(bus, "desk", still_s=0.1).wait(["a"], HANGS_S, sent_back={"a"})

        await rests(bus, "a")
        assert await Settling(bus, "desk", still_s=0.1).wait(["a"], HANGS_LATE_S, sent_back={"a"})


async def test_all_states_that_are_there_are_read_before_anything_is_said() -> None:
    async with states() as bus:
        for number in range(1_200):
            await rests(bus, f"other {number}", TaskState.WORKING)
        await rests(bus, "a")

        assert await Settling(bus, "desk", still_s=-1.0).wait(["a"], hangs_s=0.0)


class Hesitant:
    """A broker whose partitions are on their way to their leaders for two looks."""

    def __init__(self, bus: InProcessBus) -> None:
        self._bus, self.refused = bus, 0

    @property
    def admin(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus if hasattr(self._bus, name) else self._bus.admin, name)

    async def offsets(self, name: str) -> Mapping[int, tuple[int, int]]:
        if self.refused < 2:
            self.refused += 1
            raise BrokerUnreachable(bootstrap="memory", reason=f"{name} has no leader")
        return await self._bus.admin.offsets(name)


async def test_a_broker_that_cannot_say_where_a_partition_ends_is_asked_again() -> None:
    async with states() as bus:
        await rests(bus, "a")
        hesitant: Any = Hesitant(bus)

        assert await Settling(hesitant, "desk", still_s=0.1).wait(["a"], HANGS_LATE_S)
    assert hesitant.refused == 2
