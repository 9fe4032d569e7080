"""Waits until a team has come to rest after the last fault, or says that it has not.

A task that is poison kills processes after the schedule of faults is over; the time to come to rest
is counted from the last such death, but not for ever: poison that is never set aside is found.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from handrail.bus.port import Bus, Tail
from handrail.ledger.task_record import TASKS, decode_row
from handrail.ledger.task_state import ENDED_STATES, TaskState
from handrail.wire.record import TopicPartition

STILL_S = 3.0  #: nothing is written for so long
POLL_S = 0.3
DEATHS_S_MAX = 240.0  #: for which later deaths put the end off

#: Nothing more comes of these by itself.
AT_REST = ENDED_STATES | {TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED}


@dataclass(slots=True)
class Settling:
    """What is known of the tasks' states, and of when the topics last grew."""

    bus: Bus
    namespace: str
    states: dict[str, TaskState] = field(default_factory=dict[str, TaskState])

    async def wait(
        self,
        tasks: Collection[str],
        within_s: float,
        last_fault_s: Callable[[], float] = lambda: 0.0,
    ) -> bool:
        """Wait until all these tasks rest and nothing is written; False when time runs out.

        `last_fault_s` gives when the last fault was over, by the clock of the event loop.
        """
        loop = asyncio.get_running_loop()
        began_s = still_since = loop.time()
        ends = await self._ends()
        tail = await self._rows()
        try:
            while loop.time() < within_s + min(
                max(began_s, last_fault_s()), began_s + DEATHS_S_MAX
            ):
                for record in await tail.poll(timeout_s=POLL_S):
                    if record.value is not None:
                        facts = decode_row(record).facts
                        self.states[facts.task_id] = facts.state
                now = await self._ends()
                if now != ends:
                    ends, still_since = now, loop.time()
                resting = all(self.states.get(task) in AT_REST for task in tasks)
                if resting and loop.time() - still_since > STILL_S:
                    return True
            return False
        finally:
            await tail.close()

    async def _rows(self) -> Tail:
        name = f"{self.namespace}.{TASKS}"
        count = (await self.bus.admin.topics())[name]
        return await self.bus.tail({TopicPartition(name, p): 0 for p in range(count)})

    async def _ends(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for name in sorted(await self.bus.admin.topics()):
            if name.startswith(f"{self.namespace}."):
                offsets = await self.bus.admin.offsets(name)
                found |= {(name, partition): end for partition, (_, end) in offsets.items()}
        return found
