"""Waits until a team has come to rest after the last fault, or says that it hangs.

A team hangs when for so long no task has come to rest and no process has died. How long all of it
may take depends on the machine, but it is bounded: a task that is poison kills processes when the
schedule of faults is over, and one that is never set aside would do so for ever.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from handrail.bus.port import Bus, Tail
from handrail.errors import BrokerUnreachable
from handrail.ledger.task_record import TASKS, decode_row
from handrail.ledger.task_state import ENDED_STATES, TaskState
from handrail.wire.record import TopicPartition

STILL_S = 3.0  #: nothing is written for so long
POLL_S = 0.3
REST_S_MAX = 600.0

#: Nothing more comes of these by itself.
AT_REST = ENDED_STATES | {TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED}


@dataclass(slots=True)
class Settling:
    """What is known of the tasks' states, and of when the topics last grew."""

    bus: Bus
    namespace: str
    still_s: float = STILL_S
    over_s_max: float = REST_S_MAX
    states: dict[str, TaskState] = field(default_factory=dict[str, TaskState])

    async def wait(
        self,
        tasks: Collection[str],
        hangs_s: float,
        last_fault_s: Callable[[], float] = lambda: 0.0,
        sent_back: Collection[str] = (),
    ) -> bool:
        """Wait until all these tasks rest and nothing is written; False when the team hangs.

        `last_fault_s` gives when the last fault was over, by the clock of the event loop. Those of
        `sent_back` that have failed do not rest: somebody is about to send them back.
        """
        loop = asyncio.get_running_loop()
        began_s = still_since = moved_s = loop.time()
        ends, resting = await self._ends(), 0
        tail = await self._rows()
        try:
            while loop.time() < began_s + self.over_s_max:
                now = await self._ends()
                await self._read(tail, now or {})
                if now is None:  # a partition is still on its way to its leader, so nothing rests
                    still_since = loop.time()
                elif now != ends:
                    ends, still_since = now, loop.time()
                before, resting = resting, sum(self._rests(one, sent_back) for one in tasks)
                if resting == len(tasks) and loop.time() - still_since > self.still_s:
                    return True
                if resting > before:
                    moved_s = loop.time()
                if loop.time() - max(moved_s, last_fault_s()) > hangs_s:
                    return False
            return False
        finally:
            await tail.close()

    def _rests(self, task: str, sent_back: Collection[str]) -> bool:
        state = self.states.get(task)
        return state in AT_REST and not (state is TaskState.FAILED and task in sent_back)

    async def _read(self, tail: Tail, ends: Mapping[tuple[str, int], int]) -> None:
        """Read the states up to where they ended, or to what is not decided yet.

        Whoever judged by the first of many rows would take a slow machine for a team that hangs.
        """
        own = f"{self.namespace}.{TASKS}"
        ends_of_rows = {TopicPartition(*at): end for at, end in ends.items() if at[0] == own}
        while records := await tail.poll(timeout_s=POLL_S):
            for record in records:
                if record.value is not None:
                    facts = decode_row(record).facts
                    self.states[facts.task_id] = facts.state
            if all(tail.position(where) >= end for where, end in ends_of_rows.items()):
                return

    async def _rows(self) -> Tail:
        name = f"{self.namespace}.{TASKS}"
        count = (await self.bus.admin.topics())[name]
        return await self.bus.tail({TopicPartition(name, p): 0 for p in range(count)})

    async def _ends(self) -> dict[tuple[str, int], int] | None:
        """Give where every partition ends; None while the broker cannot say."""
        found: dict[tuple[str, int], int] = {}
        with suppress(BrokerUnreachable):
            for name in sorted(await self.bus.admin.topics()):
                if name.startswith(f"{self.namespace}."):
                    offsets = await self.bus.admin.offsets(name)
                    found |= {(name, partition): end for partition, (_, end) in offsets.items()}
            return found
        return None
