"""After `settle` nothing is under way in a team, what its processes know of memory included."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from handrail import NEW, Context, Memory, MemoryClass, Topic, agent, results
from handrail.testing import Team
from handrail.testing.quiet import BUSY_TURNS

TURNS = (
    100 * BUSY_TURNS
)  #: for which no view follows: far more than a team that is at rest is given

told, asked = Topic("told", carries=str), Topic("asked", carries=str)
facts = Memory("facts", carries=str, keeps=MemoryClass.FACT)


@agent(reads=told, writes=results)
async def listener(text: str, ctx: Context) -> str:
    await ctx.memory(facts).put("it", text, expect=NEW)
    return "heard"


@agent(reads=asked, writes=results)
async def teller(_: str, ctx: Context) -> str:
    found = await ctx.memory(facts).get("it")
    return found.value if found is not None else "nothing"


@asynccontextmanager
async def threads_held_up() -> AsyncIterator[threading.Event]:
    """Leave no thread for work beside the event loop, such as a view's, until the event is set."""
    free = threading.Event()
    threads = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(free.wait)
    try:
        yield free
    finally:
        free.set()


async def after_turns(count: int, event: threading.Event) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
    event.set()


async def test_what_was_written_to_memory_is_known_to_whoever_is_asked_next() -> None:
    async with (
        Team(listener, teller, memory=[facts], partitions=1) as team,
        threads_held_up() as free,
    ):
        await (await team.submit(told, "the bridge is closed")).result()
        freed = asyncio.create_task(after_turns(TURNS, free))
        await team.settle()

        task = await team.submit(asked, "what about the bridge?")

        assert await task.result(str) == "the bridge is closed"
        await freed


async def test_a_process_that_was_killed_holds_nothing_up() -> None:
    async with Team(listener, teller, memory=[facts], partitions=1) as team:
        await team.kill(teller, at="after_poll")
        first = await team.submit(asked, "and now?")
        (member,) = [one for one in team.members if one.agent is teller]
        await asyncio.wait_for(member.kill_point.reached_it.wait(), team.patience_s)
        await (await team.submit(told, "the bridge is closed")).result()

        await team.settle()

        await team.restart(teller)
        assert await first.result(str) == "the bridge is closed"
