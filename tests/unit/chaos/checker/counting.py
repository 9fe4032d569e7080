"""A team that counts what it does in memory, on a broker in memory whose logs can be read."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from handrail import NEW, Context, Memory, MemoryClass, Topic, agent, results
from handrail.bus.in_process_broker import InProcessBroker
from handrail.chaos.history import AgentFacts, History, Run
from handrail.chaos.replicas import replica
from handrail.testing import Team
from handrail.testing.ground import MemoryGround
from handrail.wire.record import TopicPartition
from tests.unit.chaos.checker.runs import recorded

wishes = Topic("wishes", carries=str)
marks = Memory("marks", carries=str, keeps=MemoryClass.FACT)
counts = Memory("counts", carries=int, keeps=MemoryClass.FACT)


@agent(reads=wishes, writes=results)
async def clerk(wish: str, ctx: Context) -> str:
    """Note a wish, count its kind, and count oneself."""
    await ctx.memory(marks).put(f"m/{wish}", wish, expect=NEW)
    await ctx.memory(counts).update(f"kind/{wish[0]}", lambda old: (old or 0) + 1)
    ctx.memory(counts).increment("station/clerk")
    return wish


class ReadableGround(MemoryGround):
    """A broker whose logs the test reads."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.broker = self._broker = InProcessBroker(self.clock.now_ms)


class Counting(Team):
    """The counting team; what it leaves behind is a history."""

    def __init__(self, agent_: Any = clerk) -> None:
        """Begin with nothing remembered."""
        super().__init__(agent_, memory=[marks, counts], partitions=2)
        self.ground = self._ground = ReadableGround()

    async def day(self) -> None:
        """Carry some wishes out; a process dies when one of them is all but done."""
        for wish in ("a1", "b1", "a2"):
            await (await self.submit(wishes, wish)).result(str)
        await self.kill(clerk, at="before_final")
        task = await self.submit(wishes, "b2")
        await self.restart(clerk)
        await task.result(str)

    async def history(self) -> History:
        """Give everything that was left behind, with one replica of memory."""
        view, _ = await self._memory.current()
        places = [
            TopicPartition(topic, p)
            for topic, count in self.ground.broker.partitions().items()
            for p in range(count)
        ]
        counter = "counts/station/clerk"
        return History(
            run=Run(
                namespace=self.namespace,
                started_ms=0,
                ended_ms=self.clock.now_ms(),
                agents=(AgentFacts(name="clerk", inboxes=("wishes",), counter=counter),),
                intake="wishes",
                settled=True,
            ),
            records={where: recorded(where, self.ground.broker.log(where)) for where in places},
            replicas=[replica(view.file)],
        )


@asynccontextmanager
async def counting_that_may_be_wrong() -> AsyncGenerator[Counting]:
    """Open the team; what a planted bug does to its end is for the checker to find."""
    team, opened = Counting(), False
    try:
        async with team:
            opened = True
            yield team
    except AssertionError:
        if not opened:
            raise
